package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// A command is the program that a recording lasts for. Without one the
// recording lasts until a signal.
type command struct {
	ctx  context.Context // done when the command, or the recording, is
	done chan error
}

// find says before anything is begun if there is no such program.
func find(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return fmt.Errorf("start the command: %w", err)
	}
	return nil
}

func start(ctx context.Context, args []string) (*command, error) {
	if len(args) == 0 {
		return &command{ctx: ctx}, nil
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the command: %w", err)
	}
	ended, cancel := context.WithCancel(ctx)
	c := &command{ctx: ended, done: make(chan error, 1)}
	go func() {
		c.done <- cmd.Wait()
		cancel()
	}()
	return c, nil
}

// wait returns the command's exit status. A command that still runs goes on.
func (c *command) wait() (int, error) {
	if c.done == nil {
		return 0, nil
	}
	select {
	case err := <-c.done:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
				return 128 + int(s.Signal()), fmt.Errorf("the command ended: %w", exit) // as in a shell
			}
			return exit.ExitCode(), nil
		}
		if err != nil {
			return exitFailed, fmt.Errorf("wait for the command: %w", err)
		}
	default:
	}
	return 0, nil
}
