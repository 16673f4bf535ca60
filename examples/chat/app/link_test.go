package app_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/trust"
)

// linking is a link of two terminals, whose people do what they should, unless a test says otherwise.
type linking struct {
	old, new *terminal
	choice   link.Choice
	answer   bool
	typed    func(digits string) string // what the person types who is shown these digits

	code, digits string // that were shown
	app          *app.App
	told         link.Choice
}

func (p *terminal) linking(h link.History) *linking {
	p.t.Helper()
	return &linking{
		old: p, new: p.scene.terminal(), choice: link.Choice{History: h}, answer: true,
		typed: func(digits string) string { return digits },
	}
}

// run links. When one side fails, both people give up.
func (l *linking) run(t testing.TB) (oldErr, newErr error) {
	t.Helper()
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	codes, digits := make(chan string, 1), make(chan string, 1)
	done := make(chan error, 1)
	go func() { done <- l.join(ctx, giveUp, codes, digits) }()
	oldErr = l.old.Link(ctx, l.choice, app.Owner{
		Code: func(code string) { codes <- code },
		Digits: func(ctx context.Context) (string, error) {
			select {
			case shown := <-digits:
				digits <- shown
				return l.typed(shown), nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		},
		Again: func() { l.typed = func(digits string) string { return digits } },
		Show:  l.old.show,
	})
	if oldErr != nil {
		giveUp()
	}
	return oldErr, <-done
}

func (l *linking) join(ctx context.Context, giveUp func(), codes, digits chan string) (err error) {
	defer func() {
		if err != nil {
			giveUp()
		}
	}()
	select {
	case l.code = <-codes:
	case <-ctx.Done():
		return ctx.Err()
	}
	s := app.Server{URL: l.new.url, Name: relayName, HTTP: l.new.http}
	l.app, l.told, err = app.Join(ctx, s, l.new.file, l.new.secret, l.code, app.Newcomer{
		Join: func(_ context.Context, user string) (bool, error) {
			if user != l.old.User() {
				return false, errors.New("asked about " + user)
			}
			return l.answer, nil
		},
		Digits: func(shown string) {
			l.digits = shown
			digits <- shown
		},
	})
	if err == nil {
		l.new.App = l.app
		l.new.t.Cleanup(l.app.Lock)
	}
	return err
}

// devices are those that the relay's log of a user has.
func (p *terminal) devices() int {
	p.t.Helper()
	me, err := p.Contact(p.t.Context(), p.User())
	must(p.t, err)
	conversation, err := p.Direct(p.t.Context(), me)
	must(p.t, err)
	devices, err := conversation.Devices(p.t.Context())
	must(p.t, err)
	return len(devices)
}

func TestLinkedDeviceKnowsWhatWasChosen(t *testing.T) {
	for _, history := range []link.History{link.Nothing, link.Sessions} {
		t.Run(history.String(), func(t *testing.T) {
			s := newScene(t)
			phone, bob := s.create("alice"), s.create("bob")
			bob.trust("alice")
			phone.trust("bob")
			phone.marks("bob")
			bob.say("alice", texts[0])
			phone.reads("bob: " + texts[0])
			l := phone.linking(history)
			if oldErr, newErr := l.run(t); oldErr != nil || newErr != nil {
				t.Fatal(oldErr, newErr)
			}
			if l.told.History != history {
				t.Errorf("told %v", l.told.History)
			}
			for range 2 { // its key, then what is shared for that
				l.new.sync()
				phone.sync()
			}
			l.new.sync()
			contact, err := l.new.Contact(t.Context(), "bob")
			if known := err == nil; known != (history == link.Sessions) {
				t.Fatalf("bob is known: %v", known)
			}
			if history == link.Sessions {
				standing, err := contact.Standing(t.Context())
				must(t, err)
				if standing.Mark != trust.Verified {
					t.Errorf("bob is %v", standing.Mark)
				}
			} else {
				l.new.trust("bob")
			}
			bob.sync()
			bob.say("alice", texts[1])
			l.new.reads("bob: " + texts[1])
			phone.reads("bob: " + texts[1])
			l.new.say("bob", texts[2])
			bob.reads("alice: " + texts[2])
		})
	}
}

// marks notes that two have compared their numbers.
func (p *terminal) marks(user string) {
	p.t.Helper()
	contact, err := p.Contact(p.t.Context(), user)
	must(p.t, err)
	number, err := contact.SafetyNumber(p.t.Context())
	must(p.t, err)
	must(p.t, number.MarkVerified(p.t.Context()))
}

func TestLinkThatAPersonRefusesSignsNothing(t *testing.T) {
	other := func(digits string) string { return digits[:5] + string(rune('0'+(digits[5]-'0'+1)%10)) }
	for name, c := range map[string]struct {
		change   func(l *linking)
		old, new error
	}{
		"no digits":    {func(l *linking) { l.typed = func(string) string { return "" } }, app.ErrRefused, context.Canceled},
		"wrong digits": {func(l *linking) { l.typed = other }, fault.WrongSecret, context.Canceled},
		"not joined":   {func(l *linking) { l.answer = false }, context.Canceled, app.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			phone := s.create("alice")
			l := phone.linking(link.Nothing)
			c.change(l)
			if oldErr, newErr := l.run(t); !errors.Is(oldErr, c.old) || !errors.Is(newErr, c.new) {
				t.Errorf("old: %v, new: %v", oldErr, newErr)
			}
			phone.sync()
			if n := phone.devices(); n != 1 {
				t.Errorf("%d devices", n)
			}
			log, err := phone.log()
			must(t, err)
			if len(log) != 1 {
				t.Errorf("%d entries", len(log))
			}
		})
	}
}

func (p *terminal) log() ([][]byte, error) {
	me, err := p.Contact(p.t.Context(), p.User())
	if err != nil {
		return nil, err
	}
	return me.Log(p.t.Context())
}

func TestMistypedDigitsAreAskedForAgain(t *testing.T) {
	s := newScene(t)
	phone := s.create("alice")
	l := phone.linking(link.Nothing)
	l.typed = func(digits string) string { return digits[:5] }
	if oldErr, newErr := l.run(t); oldErr != nil || newErr != nil {
		t.Fatal(oldErr, newErr)
	}
	if n := phone.devices(); n != 2 {
		t.Errorf("%d devices", n)
	}
}

// Whichever request fails, on either side, both come to the same: a device that is linked, or one that never will be.
func TestLinkIsDoneOrRevokedWhicheverRequestFails(t *testing.T) {
	for _, side := range []func(l *linking) *http.Client{
		func(l *linking) *http.Client { return l.old.http },
		func(l *linking) *http.Client { return l.new.http },
	} {
		for n := 1; ; n++ {
			phone := newUnwatchedScene(t).create("alice")
			l := phone.linking(link.Sessions)
			bad := &badNetwork{left: n, behind: n%2 == 0}
			side(l).Transport = bad
			oldErr, newErr := l.run(t)
			side(l).Transport = nil
			for range 3 {
				phone.sync()
			}
			if oldErr == nil && newErr == nil && phone.devices() != 2 {
				t.Fatalf("request %d: both say linked", n)
			}
			l.agree(t, n)
			if !bad.failed { // there are no more requests
				break
			}
			if n > 100 {
				t.Fatal("the requests do not end")
			}
		}
	}
}

// agree checks that the new device can do what the old one says it is.
func (l *linking) agree(t *testing.T, n int) {
	t.Helper()
	if l.app == nil {
		account, err := sotto.Unlock(t.Context(), l.new.file, nil, l.new.secret)
		if err == nil { // it was made, and the program ended before it heard of that
			l.new.connect(account, nil)
		}
	}
	switch devices := l.old.devices(); {
	case devices == 2 && l.new.App == nil:
		t.Fatalf("request %d: a device in the log that is none", n)
	case devices == 2:
		l.new.sync()
		l.new.say("alice", texts[n%len(texts)])
		l.old.sync()
		l.old.reads("alice: " + texts[n%len(texts)])
	case l.new.App != nil:
		l.new.sync()
		if err := l.new.Send(t.Context(), "alice", texts[0]); !errors.Is(err, fault.RevokedDevice) {
			t.Fatalf("request %d: a device that is not in the log says: %v", n, err)
		}
	}
}

func TestRelayDoesNotLearnTheShortCode(t *testing.T) {
	s := newScene(t)
	l := s.create("alice").linking(link.Sessions)
	if oldErr, newErr := l.run(t); oldErr != nil || newErr != nil {
		t.Fatal(oldErr, newErr)
	}
	nameplate, secret, _ := strings.Cut(l.code, "-")
	for place, what := range s.find(map[string][]byte{"code": []byte(secret), "code as typed": []byte(l.code[len(nameplate)-1:])}) {
		t.Errorf("%s holds a piece of the %s", place, what)
	}
	if _, found := s.find(map[string][]byte{"nameplate": []byte("nameplate-" + nameplate)})[inRequests]; !found {
		t.Error("the link was not watched")
	}
}

func TestCodeThatNobodyWaitsAtEndsWithTheProgram(t *testing.T) {
	s := newScene(t)
	p := s.terminal()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _, err := app.Join(ctx, app.Server{URL: s.url, Name: relayName, HTTP: p.http}, p.file, p.secret, "123456-123456789", app.Newcomer{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
