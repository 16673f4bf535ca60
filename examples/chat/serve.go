package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sottokit/sotto/examples/chat/relay"
)

// runRelay serves until the context ends.
func runRelay(ctx context.Context, c *chat, _ []string) error {
	s, err := relay.Open(c.file, c.name)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.listen)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	fmt.Fprintf(c.stdout, "relay at http://%s\n", l.Addr())
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // who waits for mail is sent home
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = server.Shutdown(context.WithoutCancel(ctx))
		<-done
	}
	return errors.Join(err, s.Close())
}
