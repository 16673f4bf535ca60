package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/link"
)

// Limits of the relay. A box is forgotten when no link can need it any more.
const (
	maxBoxes = 1_000
	boxLife  = 2 * link.Life
	longPoll = 20 * time.Second // how long a request waits for a message
)

func linkRelayCommand(now func() time.Time) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Serve mailboxes for links on this machine, until Ctrl-C",
		Long: `Serves what --relay of link approve and link new takes: mailboxes in memory, for programs on this machine only. It sees
ciphertexts, and user names when short codes are used. It prints its URL.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveRelay(cmd, listen, newRelay(now, longPoll)) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback address and port, 0 for any")
	return cmd
}

func serveRelay(cmd *cobra.Command, listen string, r *relay) error {
	address, err := netip.ParseAddrPort(listen)
	if err != nil || !address.Addr().IsLoopback() {
		return fmt.Errorf("--listen takes a loopback address and a port, 127.0.0.1:8080 for example: %w", errUsage)
	}
	l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "relay      http://%s\n", l.Addr())
	server := &http.Server{Handler: r.handler(), ReadHeaderTimeout: longPoll}
	stop := context.AfterFunc(cmd.Context(), func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// relay is a server of boxes in memory:
//
//	POST /nameplates    a new nameplate, as text
//	POST /boxes/B       puts the body into box B
//	GET  /boxes/B/N     message N of box B: waits for it a while, 204 when it did not come
type relay struct {
	now  func() time.Time
	wait time.Duration // of a GET

	mu    sync.Mutex
	boxes map[string]*box
}

type box struct {
	made     time.Time
	messages [][]byte
	more     chan struct{} // closed when there is another message
}

func newRelay(now func() time.Time, wait time.Duration) *relay {
	return &relay{now: now, wait: wait, boxes: map[string]*box{}}
}

func (r *relay) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /nameplates", r.serveNameplate)
	mux.HandleFunc("POST /boxes/{box}", r.servePost)
	mux.HandleFunc("GET /boxes/{box}/{n}", r.serveGet)
	return mux
}

var boxForm = regexp.MustCompile(`^[0-9a-z-]{1,64}$`)

// box returns a box, which is made when it is not there; nil when there is no room. The lock is held.
func (r *relay) box(name string) *box {
	now := r.now()
	for other, b := range r.boxes {
		if age := now.Sub(b.made); age < 0 || age >= boxLife {
			delete(r.boxes, other)
		}
	}
	b := r.boxes[name]
	if b == nil && len(r.boxes) < maxBoxes && boxForm.MatchString(name) {
		b = &box{made: now, more: make(chan struct{})}
		r.boxes[name] = b
	}
	return b
}

func (r *relay) serveNameplate(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range maxPlates {
		plate := randomPlate()
		if r.boxes[nameplateBox(plate)] == nil && r.box(nameplateBox(plate)) != nil {
			_, _ = io.WriteString(w, plate)
			return
		}
	}
	http.Error(w, "no nameplate is free", http.StatusServiceUnavailable)
}

func (r *relay) servePost(w http.ResponseWriter, req *http.Request) {
	message, err := readMessage(req.Body)
	if err != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.box(req.PathValue("box"))
	if b == nil || len(b.messages) == maxPosts {
		http.Error(w, "no room", http.StatusServiceUnavailable)
		return
	}
	b.messages = append(b.messages, message)
	close(b.more)
	b.more = make(chan struct{})
	w.WriteHeader(http.StatusNoContent)
}

func (r *relay) serveGet(w http.ResponseWriter, req *http.Request) {
	n, err := strconv.ParseUint(req.PathValue("n"), 10, 8)
	if err != nil {
		http.NotFound(w, req)
		return
	}
	enough := time.NewTimer(r.wait)
	defer enough.Stop()
	for {
		message, more := r.message(req.PathValue("box"), int(n))
		switch {
		case message != nil:
			_, _ = w.Write(message)
			return
		case more == nil:
			http.Error(w, "no room", http.StatusServiceUnavailable)
			return
		}
		select {
		case <-more:
		case <-enough.C:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-req.Context().Done():
			return
		}
	}
}

// message returns the message number n of a box, or what is closed when there are more; nil and nil when there is no room.
func (r *relay) message(name string, n int) (message []byte, more chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.box(name)
	switch {
	case b == nil:
		return nil, nil
	case n < len(b.messages):
		return b.messages[n], b.more
	}
	return nil, b.more
}
