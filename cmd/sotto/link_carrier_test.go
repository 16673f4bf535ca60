package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// newRelayAt is a relay, and its client.
func newRelayAt(t testing.TB, now func() time.Time, wait time.Duration) *relayClient {
	t.Helper()
	server := httptest.NewServer(newRelay(now, wait).handler())
	t.Cleanup(server.Close)
	c, err := newRelayClient(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func carriers(t testing.TB) map[string]carrier {
	return map[string]carrier{"folder": folder(t.TempDir()), "relay": newRelayAt(t, time.Now, 0)}
}

func TestBoxKeepsMessagesInTheirOrder(t *testing.T) {
	for name, c := range carriers(t) {
		ctx := t.Context()
		box := linkBox([16]byte{1}, oldToNew)
		if b, err := c.get(ctx, box, 0); b != nil || err != nil {
			t.Errorf("%s: in an empty box %x, %v", name, b, err)
		}
		for i := range maxPosts {
			if err := c.post(ctx, box, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.post(ctx, box, []byte("more")); err == nil {
			t.Errorf("%s: a box without end", name)
		}
		for range 2 {
			for i := range maxPosts {
				if b, err := c.get(ctx, box, i); err != nil || !bytes.Equal(b, []byte{byte(i)}) {
					t.Errorf("%s: message %d is %x, %v", name, i, b, err)
				}
			}
		}
		if b, err := c.get(ctx, linkBox([16]byte{1}, newToOld), 0); b != nil || err != nil {
			t.Errorf("%s: in the other direction %x, %v", name, b, err)
		}
	}
}

func TestNameplatesAreFourDigitsThatNobodyHas(t *testing.T) {
	for name, c := range carriers(t) {
		seen := map[string]bool{}
		for range 40 {
			plate, err := c.nameplate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(plate) != 4 || strings.Trim(plate, "0123456789") != "" || seen[plate] {
				t.Errorf("%s: nameplate %q", name, plate)
			}
			seen[plate] = true
			if err := c.post(t.Context(), nameplateBox(plate), []byte("here")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	dir := folder(t.TempDir())
	write(t, dir.path("box", 0), make([]byte, link.MaxMessage))
	if b, err := dir.get(t.Context(), "box", 0); err != nil || len(b) != link.MaxMessage {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	write(t, dir.path("box", 0), make([]byte, link.MaxMessage+1))
	_, err := dir.get(t.Context(), "box", 0)
	wantFault(t, err, fault.OverLimit)

	c := newRelayAt(t, time.Now, 0)
	if err := c.post(t.Context(), "box", make([]byte, link.MaxMessage)); err != nil {
		t.Error(err)
	}
	if err := c.post(t.Context(), "box", make([]byte, link.MaxMessage+1)); err == nil {
		t.Error("the relay takes more")
	}
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, link.MaxMessage+1))
	}))
	defer flood.Close()
	if c, err = newRelayClient(flood.URL); err != nil {
		t.Fatal(err)
	}
	_, err = c.get(t.Context(), "box", 0)
	wantFault(t, err, fault.OverLimit)
}

func TestRelayAnswersWhenTheMessageComes(t *testing.T) {
	c := newRelayAt(t, time.Now, time.Hour)
	type answer struct {
		b   []byte
		err error
	}
	got := make(chan answer)
	go func() {
		b, err := c.get(t.Context(), "box", 1)
		got <- answer{b, err}
	}()
	for _, message := range []string{"first", "second"} {
		if err := c.post(t.Context(), "box", []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if a := <-got; a.err != nil || string(a.b) != "second" {
		t.Errorf("%q, %v", a.b, a.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.get(ctx, "box", 2)
	wantFault(t, err, fault.Canceled)
}

func TestRelayForgets(t *testing.T) {
	now := time.Now()
	c := newRelayAt(t, func() time.Time { return now }, 0)
	has := func() bool {
		b, err := c.get(t.Context(), "box", 0)
		if err != nil {
			t.Fatal(err)
		}
		return b != nil
	}
	if err := c.post(t.Context(), "box", []byte("message")); err != nil {
		t.Fatal(err)
	}
	if now = now.Add(boxLife - 1); !has() {
		t.Error("forgotten too early")
	}
	if now = now.Add(1); has() {
		t.Error("kept for ever")
	}
}

func TestRelayHasRoomForSoMuch(t *testing.T) {
	now := time.Now()
	r := newRelay(func() time.Time { return now }, 0)
	server := httptest.NewServer(r.handler())
	defer server.Close()
	c, err := newRelayClient(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxBoxes {
		r.box(fmt.Sprint(i))
	}
	if err := c.post(t.Context(), "one-more", nil); err == nil {
		t.Error("there is room for one more")
	}
	if _, err := c.get(t.Context(), "one-more", 0); err == nil {
		t.Error("there is room to wait")
	}
	if _, err := c.nameplate(t.Context()); err == nil {
		t.Error("there is room for a nameplate")
	}
	now = now.Add(boxLife)
	if err := c.post(t.Context(), "one-more", nil); err != nil {
		t.Error(err)
	}
	for _, box := range []string{"UPPER", "a_b", strings.Repeat("a", 65), "a%2fb", "ä"} {
		if err := c.post(t.Context(), box, nil); err == nil {
			t.Errorf("a box %s", box)
		}
	}
	for _, n := range []string{"-1", "256", "x"} {
		if _, err := c.do(t.Context(), http.MethodGet, "/boxes/one-more/"+n, nil); err == nil {
			t.Errorf("a message %s", n)
		}
	}
}

func TestRelayIsOnThisMachineOnly(t *testing.T) {
	for _, url := range []string{
		"", "127.0.0.1:80", "http://example.org", "http://192.0.2.1:80", "http://[2001:db8::1]:80", "https://127.0.0.1:80",
		"http://127.0.0.1", "http://127.0.0.1:80/path", "http://127.0.0.1:80?q", "http://user@127.0.0.1:80", "http://localhost:80",
	} {
		if _, err := newRelayClient(url); err == nil {
			t.Errorf("relay at %q", url)
		}
	}
	for _, url := range []string{"http://127.0.0.1:80", "http://127.1.2.3:80/", "http://[::1]:80"} {
		if _, err := newRelayClient(url); err != nil {
			t.Errorf("relay at %q: %v", url, err)
		}
	}
}

func TestRelayCommandServesUntilItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, told, ended := newWatched(), newWatched(), make(chan int)
	go func() {
		code := run(ctx, []string{"link", "relay"}, nil, out, told)
		out.end()
		ended <- code
	}()
	c, err := newRelayClient(field(t, out.wait(t, "\nrelay "), "relay"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.post(t.Context(), "box", []byte("message")); err != nil {
		t.Error(err)
	}
	cancel()
	if code := <-ended; code != 0 || told.text() != "" {
		t.Errorf("exit code %d, told %s", code, told.text())
	}
}

// What a message is is decided by its name: the unfinished one beside it is none.
func TestHalfAMessageIsNotSeen(t *testing.T) {
	dir := folder(t.TempDir())
	write(t, filepath.Join(string(dir), ".box-0-123"), []byte("half"))
	if b, err := dir.get(t.Context(), "box", 0); b != nil || err != nil {
		t.Errorf("%x, %v", b, err)
	}
	if err := dir.post(t.Context(), "box", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	if b, err := dir.get(t.Context(), "box", 0); string(b) != "whole" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}
