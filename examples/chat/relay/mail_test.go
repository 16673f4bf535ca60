package relay_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
)

func TestMailWaitsUntilItIsAcknowledged(t *testing.T) {
	url := serve(t)
	alice, bob := published(t, url, "alice"), published(t, url, "bob")
	for _, data := range []string{"one", "two", "three"} {
		have, err := bob.Post(t.Context(), []device.ID{alice.Device(), {}}, []byte(data)) // {}: a device that nobody has
		must(t, err)
		if len(have) != 2 {
			t.Errorf("%d devices have it", len(have))
		}
	}
	for after, want := range []string{"one", "two", "three", ""} {
		items, err := alice.Mail(t.Context(), uint64(after), 0)
		must(t, err)
		if len(items) != 3-after || len(items) > 0 && (string(items[0].Data) != want || items[0].From != bob.Device()) {
			t.Errorf("behind %d: %d items", after, len(items))
		}
	}
	must(t, alice.Client.Ack(t.Context(), 2))
	items, err := alice.Mail(t.Context(), 0, 0)
	must(t, err)
	if len(items) != 1 || string(items[0].Data) != "three" || items[0].Number != 3 {
		t.Errorf("left: %v", items)
	}
	if items, err := bob.Mail(t.Context(), 0, 0); err != nil || len(items) != 0 {
		t.Errorf("bob has %d items: %v", len(items), err)
	}
	must(t, bob.Client.Ack(t.Context(), 9))
}

// bearer asks for mail with a token.
func bearer(t testing.TB, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/mail", nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, response.Body.Close())
	return response.StatusCode
}

// answered registers by hand. It returns the status and the token.
func answered(t testing.TB, url string, nonce, answer []byte) (int, string) {
	t.Helper()
	r, err := http.Post(url+"/tokens?nonce="+hex.EncodeToString(nonce), "", bytes.NewReader(answer))
	must(t, err)
	defer r.Body.Close()
	token, err := io.ReadAll(r.Body)
	must(t, err)
	return r.StatusCode, string(token)
}

func challenged(t testing.TB, url, user string) []byte {
	t.Helper()
	r, err := http.Post(url+"/challenges/"+user, "", nil)
	must(t, err)
	defer r.Body.Close()
	nonce, err := io.ReadAll(r.Body)
	must(t, err)
	return nonce
}

func TestTokenIsForWhoSignsTheNonceOnce(t *testing.T) {
	url := serve(t)
	alice, bob := published(t, url, "alice"), published(t, url, "bob")
	var nonce []byte
	sign := func(u *user, server string) []byte {
		answer, err := u.Register(t.Context(), server, [32]byte(nonce))
		must(t, err)
		return answer
	}
	for what, answer := range map[string]func() []byte{
		"bob":                     func() []byte { return sign(bob, name) },
		"alice at another server": func() []byte { return sign(alice, "another") },
		"nobody":                  func() []byte { return nil },
	} {
		nonce = challenged(t, url, "alice")
		if status, _ := answered(t, url, nonce, answer()); status == http.StatusOK {
			t.Errorf("%s gets a token of alice's", what)
		}
		if status, _ := answered(t, url, nonce, sign(alice, name)); status == http.StatusOK {
			t.Errorf("%s has answered, and the nonce is still good", what)
		}
	}
	nonce = challenged(t, url, "alice")
	status, first := answered(t, url, nonce, sign(alice, name))
	if status != http.StatusOK || bearer(t, url, first) != http.StatusOK {
		t.Fatal("alice gets no token")
	}
	nonce = challenged(t, url, "alice")
	_, second := answered(t, url, nonce, sign(alice, name))
	for token, want := range map[string]int{
		second: http.StatusOK, first: http.StatusUnauthorized, "": http.StatusUnauthorized, "guess": http.StatusUnauthorized,
	} {
		if got := bearer(t, url, token); got != want {
			t.Errorf("a token is answered with %d, want %d", got, want)
		}
	}
}

func TestRevokedDeviceLosesItsMailAndItsToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	s, url := open(t, path)
	phone, bob := published(t, url, "alice"), published(t, url, "bob")
	laptop, entry := phone.join(t, url)
	must(t, phone.Append(t.Context(), entry))
	phone.ownLog(t)
	laptop.ownLog(t)
	must(t, laptop.PutKey(t.Context(), laptop.pending(t, "key")))
	_, err := bob.Post(t.Context(), []device.ID{laptop.Device()}, []byte("for the laptop"))
	must(t, err)
	if items, err := laptop.Mail(t.Context(), 0, 0); err != nil || len(items) != 1 {
		t.Fatalf("%d items: %v", len(items), err)
	}
	_, err = phone.Revoke(t.Context(), laptop.Device())
	must(t, err)
	parcels, err := phone.Pending(t.Context())
	must(t, err)
	must(t, phone.Append(t.Context(), parcels[0].Data))

	_, err = laptop.Mail(t.Context(), 0, 0)
	wantFault(t, err, fault.RevokedDevice)
	_, err = laptop.Post(t.Context(), []device.ID{bob.Device()}, []byte("from the laptop"))
	wantFault(t, err, fault.RevokedDevice)
	wantFault(t, laptop.Client.Ack(t.Context(), 1), fault.RevokedDevice)
	again := relay.NewClient(url, name, laptop.Account, &http.Client{})
	if _, err := again.Mail(t.Context(), 0, 0); fault.Of(err) != fault.RevokedDevice {
		t.Errorf("a new token: %v", err)
	}
	if keys, err := phone.Keys(t.Context(), "alice"); err != nil || len(keys) != 1 {
		t.Errorf("%d keys: %v", len(keys), err)
	}
	have, err := bob.Post(t.Context(), []device.ID{laptop.Device()}, []byte("late"))
	if err != nil || len(have) != 1 { // so that the sender need not try for ever
		t.Errorf("%d devices have it: %v", len(have), err)
	}
	must(t, s.Close())
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bbolt.Tx) error {
		if id := laptop.Device(); tx.Bucket([]byte("mail")).Bucket(id[:]) != nil {
			t.Error("its mail is kept")
		}
		return nil
	}))
}

func TestWaitingDeviceIsWokenByMail(t *testing.T) {
	s, url := open(t, filepath.Join(t.TempDir(), "relay.db"))
	alice, bob := published(t, url, "alice"), published(t, url, "bob")
	got := make(chan []relay.Item, 1)
	go func() {
		items, err := alice.Mail(t.Context(), 0, 50*time.Second)
		if err != nil {
			t.Error(err)
		}
		got <- items
	}()
	bell := s.Bell(alice.Device()) // what alice waits for, now or in a moment
	_, err := bob.Post(t.Context(), []device.ID{alice.Device()}, []byte("wake up"))
	must(t, err)
	select {
	case <-bell:
	default:
		t.Error("nobody is woken")
	}
	if items := <-got; len(items) != 1 || string(items[0].Data) != "wake up" {
		t.Errorf("got %v", items)
	}
}

func TestWaitEndsWithTheRequest(t *testing.T) {
	s, url := open(t, filepath.Join(t.TempDir(), "relay.db"))
	alice := published(t, url, "alice")
	nonce := challenged(t, url, "alice")
	answer, err := alice.Register(t.Context(), name, [32]byte(nonce))
	must(t, err)
	_, token := answered(t, url, nonce, answer)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/mail?wait=50", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered with %d", w.Code)
	}
}

func TestOneRelayAtATimeHasTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	s, err := relay.Open(path, name)
	must(t, err)
	_, err = relay.Open(path, name)
	wantFault(t, err, fault.StoreFailed)
	must(t, s.Close())
	s, err = relay.Open(path, name)
	must(t, err)
	must(t, s.Close())
}
