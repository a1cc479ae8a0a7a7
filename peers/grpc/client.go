package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// patience is how long a call may take that is to succeed.
const patience = time.Minute

// talk makes calls of all kinds.
func talk(socket string) error {
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := testing.NewTestServiceClient(connection)
	for _, step := range []func(context.Context, testing.TestServiceClient) error{unary, failures, outputs, inputs, duplex, cancelled} {
		if err := step(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func payload(text string) *testing.Payload { return &testing.Payload{Body: []byte(text)} }

func unary(ctx context.Context, c testing.TestServiceClient) error {
	if _, err := c.EmptyCall(ctx, new(testing.Empty)); err != nil {
		return err
	}
	for i, text := range []string{"hello", "password=hunter2 and more", "Bearer hunter2"} {
		ctx := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer hunter2", "x-number", fmt.Sprint(i))
		if _, err := c.UnaryCall(ctx, &testing.SimpleRequest{ResponseSize: int32(10 * i), Payload: payload(text), FillUsername: true}); err != nil {
			return err
		}
	}
	if _, err := c.UnaryCall(ctx, &testing.SimpleRequest{ResponseSize: 3, Payload: payload("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")}, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	_, err := c.UnaryCall(ctx, &testing.SimpleRequest{ResponseSize: 100_000, Payload: payload("large")})
	return err
}

// expect says that a call was to fail, and how.
func expect(code codes.Code, err error) error {
	if status.Code(err) != code {
		return fmt.Errorf("%v instead of %v", err, code)
	}
	return nil
}

func failures(ctx context.Context, c testing.TestServiceClient) error {
	_, err := c.UnaryCall(ctx, &testing.SimpleRequest{ResponseStatus: &testing.EchoStatus{Code: int32(codes.NotFound), Message: "nö 100% password=hunter2"}})
	_, missing := c.UnimplementedCall(ctx, new(testing.Empty))
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, late := c.UnaryCall(short, &testing.SimpleRequest{ResponseSize: -1})
	return errors.Join(expect(codes.NotFound, err), expect(codes.Unimplemented, missing), expect(codes.DeadlineExceeded, late))
}

func sizes(list ...int32) (p []*testing.ResponseParameters) {
	for _, n := range list {
		p = append(p, &testing.ResponseParameters{Size: n})
	}
	return p
}

// drain reads answers until the last one.
func drain(receive func() (*testing.StreamingOutputCallResponse, error)) error {
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func outputs(ctx context.Context, c testing.TestServiceClient) error {
	s, err := c.StreamingOutputCall(ctx, &testing.StreamingOutputCallRequest{ResponseParameters: sizes(10, 2000, 0, 30_000)})
	if err != nil {
		return err
	}
	if err := drain(s.Recv); err != nil {
		return err
	}
	s, err = c.StreamingOutputCall(ctx, &testing.StreamingOutputCallRequest{ResponseParameters: sizes(1, 2), ResponseStatus: &testing.EchoStatus{Code: int32(codes.Aborted), Message: "enough"}})
	if err != nil {
		return err
	}
	return expect(codes.Aborted, drain(s.Recv))
}

func inputs(ctx context.Context, c testing.TestServiceClient) error {
	s, err := c.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	for i := range 5 {
		if err := s.Send(&testing.StreamingInputCallRequest{Payload: payload(fmt.Sprint("part ", i))}); err != nil {
			return err
		}
	}
	_, err = s.CloseAndRecv()
	return err
}

func duplex(ctx context.Context, c testing.TestServiceClient) error {
	s, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for i := range 4 {
		if err := s.Send(&testing.StreamingOutputCallRequest{ResponseParameters: sizes(int32(i)), Payload: payload("ping")}); err != nil {
			return err
		}
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	return drain(s.Recv)
}

// cancelled gives up a call after the first answer.
func cancelled(ctx context.Context, c testing.TestServiceClient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := s.Send(&testing.StreamingOutputCallRequest{ResponseParameters: sizes(1)}); err != nil {
		return err
	}
	if _, err := s.Recv(); err != nil {
		return err
	}
	cancel()
	_, err = s.Recv()
	return expect(codes.Canceled, err)
}
