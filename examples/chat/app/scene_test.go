package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/examples/chat/app"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

var wantFault = faulttest.Want

const relayName = "test relay"

// scene is a relay on loopback, which is watched.
type scene struct {
	t     testing.TB
	relay atomic.Pointer[relay.Server]
	path  string
	url   string
	*watcher
}

func newScene(t testing.TB) *scene {
	s := &scene{t: t, path: filepath.Join(t.TempDir(), "relay.db")}
	s.watcher = &watcher{
		t: t, relay: func() http.Handler { return s.relay.Load() }, database: s.path, seen: map[string][][]byte{},
	}
	return s.serve(s.watcher)
}

// newUnwatchedScene is one in which nothing is kept for find, which is faster.
func newUnwatchedScene(t testing.TB) *scene {
	s := &scene{t: t, path: filepath.Join(t.TempDir(), "relay.db")}
	return s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.relay.Load().ServeHTTP(w, r) }))
}

func (s *scene) serve(h http.Handler) *scene {
	t := s.t
	s.open()
	server := httptest.NewServer(h)
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		must(t, s.relay.Load().Close())
	})
	return s
}

func (s *scene) open() {
	s.t.Helper()
	r, err := relay.Open(s.path, relayName)
	must(s.t, err)
	s.relay.Store(r)
}

// restartRelay closes the relay and opens it again: it knows what is in its database, and nothing else.
func (s *scene) restartRelay() {
	s.t.Helper()
	must(s.t, s.relay.Load().Close())
	s.open()
}

// terminal is a device of a user, with somebody in front of it.
type terminal struct {
	*app.App
	*scene
	file   store.Backend
	secret *lockbox.Secret
	root   *cose.Key // under which secret wraps
	http   *http.Client
	shown  []sotto.Event
}

// terminal makes one without an account.
func (s *scene) terminal() *terminal {
	s.t.Helper()
	key, err := cose.GenerateKey(cose.A256GCM)
	must(s.t, err)
	return &terminal{
		scene: s, file: boltstore.New(filepath.Join(s.t.TempDir(), "account.db")), secret: lockbox.Wrapped(key), root: key,
		http: &http.Client{},
	}
}

func (p *terminal) connect(a *sotto.Account, err error) {
	p.t.Helper()
	must(p.t, err)
	p.App = app.New(a, p.url, relayName, p.http)
	p.t.Cleanup(a.Lock)
}

func (s *scene) create(user string) *terminal {
	s.t.Helper()
	p := s.terminal()
	p.connect(sotto.Create(context.Background(), p.file, user, nil, p.secret))
	p.sync()
	return p
}

// join makes a further device, which the terminal admits.
func (p *terminal) join() *terminal {
	p.t.Helper()
	ctx := p.t.Context()
	me, err := p.Contact(ctx, p.User())
	must(p.t, err)
	next := p.scene.terminal()
	next.connect(sotto.Join(ctx, next.file, p.User(), me.Root(), nil, next.secret))
	next.sync() // nobody admitted it yet
	record, err := next.Record(ctx)
	must(p.t, err)
	must(p.t, p.Admit(ctx, record))
	p.sync()
	next.sync()
	return next
}

// restart ends the program and starts it again.
func (p *terminal) restart() {
	p.t.Helper()
	p.Lock()
	p.connect(sotto.Unlock(context.Background(), p.file, nil, p.secret))
}

func (p *terminal) trust(user string) {
	p.t.Helper()
	_, err := p.Trust(p.t.Context(), user)
	must(p.t, err)
	p.sync()
}

// show keeps events.
func (p *terminal) show(events []sotto.Event) error {
	p.shown = append(p.shown, events...)
	return nil
}

func (p *terminal) sync() {
	p.t.Helper()
	must(p.t, p.Sync(p.t.Context(), p.show))
}

func (p *terminal) say(user, text string) {
	p.t.Helper()
	must(p.t, p.Send(p.t.Context(), user, text))
}

// texts syncs, and returns the messages that were shown since it was called last.
func (p *terminal) texts() (texts []string) {
	p.t.Helper()
	p.sync()
	for _, e := range p.shown {
		if e.Kind == sotto.KindMessage && e.Why == 0 {
			texts = append(texts, e.User+": "+string(e.Body))
		}
	}
	p.shown = nil
	return texts
}

// reads checks that exactly these messages came.
func (p *terminal) reads(want ...string) {
	p.t.Helper()
	got := p.texts()
	if len(got) != len(want) {
		p.t.Fatalf("%s got %q, want %q", p.User(), got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			p.t.Errorf("%s got %q, want %q", p.User(), got[i], want[i])
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
