package relay_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

var wantFault = faulttest.Want

const name = "test relay"

// serve runs a relay on loopback.
func serve(t testing.TB) (url string) {
	t.Helper()
	_, url = open(t, filepath.Join(t.TempDir(), "relay.db"))
	return url
}

// open runs one over a database.
func open(t testing.TB, path string) (s *relay.Server, url string) {
	t.Helper()
	s, err := relay.Open(path, name)
	must(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		must(t, s.Close())
	})
	return s, server.URL
}

// user is an account with a client. What it signs it offers by hand.
type user struct {
	*sotto.Account
	*relay.Client
}

func newAccount(t testing.TB, make func(store.Backend, *lockbox.Secret) (*sotto.Account, error)) *sotto.Account {
	t.Helper()
	key, err := cose.GenerateKey(cose.A256GCM)
	must(t, err)
	a, err := make(store.Memory(), lockbox.Wrapped(key))
	must(t, err)
	t.Cleanup(a.Lock)
	return a
}

func unpublished(t testing.TB, url, id string) *user {
	t.Helper()
	a := newAccount(t, func(b store.Backend, s *lockbox.Secret) (*sotto.Account, error) {
		return sotto.Create(context.Background(), b, id, nil, s)
	})
	return &user{a, relay.NewClient(url, name, a, &http.Client{})}
}

// published has its log and device-key at the relay.
func published(t testing.TB, url, id string) *user {
	t.Helper()
	u := unpublished(t, url, id)
	must(t, u.Append(t.Context(), u.pending(t, sotto.ParcelLog)))
	must(t, u.PutKey(t.Context(), u.pending(t, sotto.ParcelKey)))
	return u
}

// pending returns the newest parcel of a kind.
func (u *user) pending(t testing.TB, k sotto.ParcelKind) (data []byte) {
	t.Helper()
	parcels, err := u.Pending(t.Context())
	must(t, err)
	for _, p := range parcels {
		if p.Kind == k {
			data = p.Data
		}
	}
	if data == nil {
		t.Fatalf("no %s is pending", k)
	}
	return data
}

// join makes a further device of the user, and returns it with the entry that admits it.
func (u *user) join(t testing.TB, url string) (next *user, entry []byte) {
	t.Helper()
	me, err := u.Contact(t.Context(), u.User())
	must(t, err)
	a := newAccount(t, func(b store.Backend, s *lockbox.Secret) (*sotto.Account, error) {
		return sotto.Join(context.Background(), b, u.User(), me.Root(), nil, s)
	})
	record, err := a.Record(t.Context())
	must(t, err)
	must(t, u.Admit(t.Context(), record))
	parcels, err := u.Pending(t.Context())
	must(t, err)
	return &user{a, relay.NewClient(url, name, a, &http.Client{})}, parcels[0].Data
}

// ownLog lets the user receive the own log.
func (u *user) ownLog(t testing.TB) {
	t.Helper()
	log, err := u.Log(t.Context(), u.User(), 0)
	must(t, err)
	_, err = u.Receive(t.Context(), log...)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogTakesWhatExtendsItAndNothingElse(t *testing.T) {
	url := serve(t)
	alice := published(t, url, "alice")
	root := alice.pending(t, sotto.ParcelLog)
	must(t, alice.Append(t.Context(), root)) // the answer was lost: again is no error

	next, entry := alice.join(t, url)
	must(t, alice.Append(t.Context(), entry))
	_, err := next.Log(t.Context(), "alice", 5)
	must(t, err)
	log, err := next.Log(t.Context(), "alice", 1)
	must(t, err)
	if len(log) != 1 || !bytes.Equal(log[0], entry) {
		t.Errorf("%d entries from place 1 on", len(log))
	}

	mallory := unpublished(t, url, "alice") // another root in her name
	wantFault(t, mallory.Append(t.Context(), mallory.pending(t, sotto.ParcelLog)), fault.IdentityChanged)
	wantFault(t, alice.Append(t.Context(), []byte("no entry")), fault.Malformed)
	bob := unpublished(t, url, "bob")
	wantFault(t, bob.Append(t.Context(), entry), fault.UntrustedSigner) // of another user's log
}

// Two devices that sign at the same time: one comes first.
func TestSecondEntryAtAPlaceIsRefused(t *testing.T) {
	url := serve(t)
	phone := published(t, url, "alice")
	laptop, entry := phone.join(t, url)
	must(t, phone.Append(t.Context(), entry))
	phone.ownLog(t)
	laptop.ownLog(t)
	_, err := phone.Revoke(t.Context(), laptop.Device())
	must(t, err)
	_, other := laptop.join(t, url)
	parcels, err := phone.Pending(t.Context())
	must(t, err)
	must(t, phone.Append(t.Context(), parcels[0].Data))
	wantFault(t, laptop.Append(t.Context(), other), fault.LogFork)
	log, err := phone.Log(t.Context(), "alice", 0)
	must(t, err)
	if len(log) != 3 || !bytes.Equal(log[2], parcels[0].Data) {
		t.Errorf("the log has %d entries", len(log))
	}
}

func TestOnlyTheNewestDeviceKeyIsServed(t *testing.T) {
	url := serve(t)
	now := time.Now()
	key, err := cose.GenerateKey(cose.A256GCM)
	must(t, err)
	a, err := sotto.Create(t.Context(), store.Memory(), "alice", &sotto.Options{Now: func() time.Time { return now }}, lockbox.Wrapped(key))
	must(t, err)
	t.Cleanup(a.Lock)
	alice := &user{a, relay.NewClient(url, name, a, &http.Client{})}
	old := alice.pending(t, sotto.ParcelKey)
	wantFault(t, alice.PutKey(t.Context(), old), fault.UntrustedSigner) // nobody's, as long as there is no log
	must(t, alice.Append(t.Context(), alice.pending(t, sotto.ParcelLog)))
	must(t, alice.PutKey(t.Context(), old))

	must(t, alice.Upkeep(t.Context(), true))
	now = now.Add(8 * 24 * time.Hour)
	must(t, alice.Upkeep(t.Context(), true))
	newer := alice.pending(t, sotto.ParcelKey)
	must(t, alice.PutKey(t.Context(), newer))
	must(t, alice.PutKey(t.Context(), newer))
	wantFault(t, alice.PutKey(t.Context(), old), fault.Rollback)
	keys, err := alice.Keys(t.Context(), "alice")
	must(t, err)
	if len(keys) != 1 || !bytes.Equal(keys[0], newer) {
		t.Errorf("%d keys, or another one than the newest", len(keys))
	}
}

// A device is found by its ID alone. Nobody gets at the mail of another user's by naming his own like it.
func TestDeviceIDBelongsToItsFirstUser(t *testing.T) {
	url := serve(t)
	alice := published(t, url, "alice")
	root := rootOf(t, "mallory", alice.Device())
	_, err := device.Verify("mallory", [][]byte{root})
	must(t, err)
	r, err := http.Post(url+"/logs/mallory", "", bytes.NewReader(root))
	must(t, err)
	must(t, r.Body.Close())
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("the entry is answered with %s", r.Status)
	}
}

func TestRequestsAreLimited(t *testing.T) {
	url := serve(t)
	alice := published(t, url, "alice")
	_, err := alice.Post(t.Context(), []device.ID{alice.Device()}, make([]byte, sotto.MaxInput+1))
	wantFault(t, err, fault.OverLimit)
	_, err = alice.Post(t.Context(), make([]device.ID, 10001), nil)
	if err == nil {
		t.Error("10,001 devices are taken")
	}
	for _, path := range []string{"/logs/alice?from=x", "/logs/alice?from=-1", "/logs/alice?from=9223372036854775808"} {
		r, err := http.Get(url + path)
		must(t, err)
		must(t, r.Body.Close())
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	r, err := http.Post(url+"/challenges/a%00b", "", strings.NewReader(""))
	must(t, err)
	must(t, r.Body.Close())
	if r.StatusCode != http.StatusBadRequest {
		t.Errorf("challenge for a user with a control character: %s", r.Status)
	}
}
