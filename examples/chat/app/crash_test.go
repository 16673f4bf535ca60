package app_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/sottokit/sotto"
)

// badNetwork fails at one request: before the server gets it, or when it has answered and nobody hears it.
type badNetwork struct {
	left   int // requests until then
	behind bool
	failed bool
}

var errNetwork = errors.New("the network fails")

func (b *badNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	b.left--
	if b.left == 0 && !b.behind {
		b.failed = true
		return nil, errNetwork
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && b.left == 0 {
		b.failed = true
		_, err = io.Copy(io.Discard, response.Body)
		err = errors.Join(err, response.Body.Close(), errNetwork)
		response = nil
	}
	return response, err
}

// Whichever request fails on the way of a message, and although both programs end there, it arrives, and no other does.
func TestNothingIsLostWhicheverRequestFails(t *testing.T) {
	s := newScene(t)
	alice, bob := s.create("alice"), s.create("bob")
	alice.trust("bob")
	bob.trust("alice")
	for _, behind := range []bool{false, true} {
		for n := 1; ; n++ {
			bad := &badNetwork{left: n, behind: behind}
			alice.http.Transport, bob.http.Transport = bad, bad
			text := texts[n%len(texts)]
			_ = bob.Send(t.Context(), "alice", text)
			_ = bob.Sync(t.Context(), bob.show)
			_ = alice.Sync(t.Context(), alice.show)
			alice.http.Transport, bob.http.Transport = nil, nil
			alice.restart()
			bob.restart()
			bob.sync()
			alice.sync()
			alice.gotOnce(text)
			if !bad.failed { // there are no more requests
				break
			}
			if n > 100 {
				t.Fatal("the requests do not end")
			}
		}
	}
}

// gotOnce checks that one message came since it was called last, perhaps several times, and that it says text.
func (p *terminal) gotOnce(text string) {
	p.t.Helper()
	came := map[sotto.MessageID]string{}
	for _, e := range p.shown {
		if e.Kind == sotto.KindMessage && e.Why == 0 {
			came[e.Message] = string(e.Body)
		}
	}
	p.shown = nil
	if len(came) != 1 {
		p.t.Fatalf("%d messages came, want one", len(came))
	}
	for _, got := range came {
		if got != text {
			p.t.Errorf("got %q, want %q", got, text)
		}
	}
}

// A program that ends while it shows a message shows it again.
func TestMessageIsShownUntilItIsKept(t *testing.T) {
	s := newScene(t)
	alice, bob := s.create("alice"), s.create("bob")
	alice.trust("bob")
	bob.trust("alice")
	bob.say("alice", texts[0])
	alice.endsWhileItShows()
	alice.reads("bob: " + texts[0])
	alice.reads()
}

// So does one whose message had waited for its session: the relay does not have it any more.
func TestMessageThatWaitedIsShownUntilItIsKept(t *testing.T) {
	s := newScene(t)
	alice, bob := s.create("alice"), s.create("bob")
	bob.trust("alice")
	bob.say("alice", texts[0])
	alice.sync()
	_, err := alice.Trust(t.Context(), "bob")
	must(t, err)
	alice.endsWhileItShows()
	alice.reads("bob: " + texts[0])
	alice.reads()
}

// endsWhileItShows lets the program end as soon as it has a message to show, three times.
func (p *terminal) endsWhileItShows() {
	p.t.Helper()
	ends := errors.New("the program ends")
	for range 3 {
		err := p.Sync(p.t.Context(), func(events []sotto.Event) error {
			for _, e := range events {
				if e.Kind == sotto.KindMessage && e.Why == 0 {
					return ends
				}
			}
			return nil
		})
		if !errors.Is(err, ends) {
			p.t.Fatalf("no message is shown; error: %v", err)
		}
		p.restart()
	}
	p.shown = nil
}
