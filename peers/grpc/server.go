package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that compress
	testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func serve(socket, record string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	file, err := os.Create(record)
	if err != nil {
		return err
	}
	defer file.Close()
	s := grpc.NewServer(grpc.StatsHandler(&recorder{file: file}))
	testing.RegisterTestServiceServer(s, new(service))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, s.Stop)
	return s.Serve(listener)
}

// A service does what the interoperability tests say, as far as the client asks.
type service struct {
	testing.UnimplementedTestServiceServer
}

func (*service) EmptyCall(context.Context, *testing.Empty) (*testing.Empty, error) {
	return new(testing.Empty), nil
}

// failure is the error that a request asks for.
func failure(s *testing.EchoStatus) error {
	if s.GetCode() == 0 {
		return nil
	}
	return status.Error(codes.Code(s.GetCode()), s.GetMessage())
}

func (*service) UnaryCall(ctx context.Context, r *testing.SimpleRequest) (*testing.SimpleResponse, error) {
	if err := failure(r.GetResponseStatus()); err != nil {
		return nil, err
	}
	if r.GetResponseSize() < 0 { // it takes longer than the client waits
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "a")); err != nil {
		return nil, err
	}
	return &testing.SimpleResponse{Payload: &testing.Payload{Body: make([]byte, r.GetResponseSize())}, Username: "me", Hostname: "here"}, nil
}

func (*service) StreamingOutputCall(r *testing.StreamingOutputCallRequest, s grpc.ServerStreamingServer[testing.StreamingOutputCallResponse]) error {
	return answer(r, s.Send)
}

func answer(r *testing.StreamingOutputCallRequest, send func(*testing.StreamingOutputCallResponse) error) error {
	for _, p := range r.GetResponseParameters() {
		if err := send(&testing.StreamingOutputCallResponse{Payload: &testing.Payload{Body: make([]byte, p.GetSize())}}); err != nil {
			return err
		}
	}
	return failure(r.GetResponseStatus())
}

func (*service) StreamingInputCall(s grpc.ClientStreamingServer[testing.StreamingInputCallRequest, testing.StreamingInputCallResponse]) error {
	sum := 0
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		} else if err != nil {
			return err
		}
		sum += len(r.GetPayload().GetBody())
	}
}

func (*service) FullDuplexCall(s grpc.BidiStreamingServer[testing.StreamingOutputCallRequest, testing.StreamingOutputCallResponse]) error {
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answer(r, s.Send); err != nil {
			return err
		}
	}
}
