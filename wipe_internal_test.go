package sotto

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

// printed is whatever package fmt and an encoder make of a value.
func printed(v any) string {
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%c", "%b", "%p", "%T"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	if j, err := json.Marshal(v); err == nil {
		b.Write(j)
	}
	return b.String()
}

// secrets are the private keys of the device, and the secret of the notes' only session.
func secrets(t *testing.T, a *Account, c *Conversation) (all [][]byte) {
	t.Helper()
	err := a.view(t.Context(), func(v *view) error {
		keys, err := v.keys()
		if err != nil {
			return err
		}
		state, err := keys.ExportSecretState()
		if err != nil {
			return err
		}
		r := wire.NewReader(state)
		r.Array("state", 7)
		r.Text("label", 64)
		r.Bytes("record", device.MaxRecord)
		all = append(all, r.Bytes("seed", 32))
		for range r.Array("keys", 1) {
			r.Array("key", 4)
			r.Bytes("device-key", device.MaxDeviceKey)
			all = append(all, r.Bytes("X25519", 32))
		}
		if r.Err() != nil {
			return r.Err()
		}
		open, err := session.List(v.tx, c.place.id())
		if err != nil {
			return err
		}
		for _, s := range open {
			statement, _, err := session.Statement(v.tx, s.ID)
			if err != nil {
				return err
			}
			all = append(all, statement[len(statement)-96:len(statement)-64]) // the secret, before the signature
		}
		return nil
	})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d secrets: %v", len(all), err)
	}
	return all
}

// Nothing that prints shows a key: neither those of the device nor those that sessions follow from.
func TestNothingPrintsASecret(t *testing.T) {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Create(t.Context(), store.Memory(), "alice", nil, lockbox.Wrapped(key))
	if err != nil {
		t.Fatal(err)
	}
	me, err := a.Contact(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	notes, err := a.Direct(t.Context(), me)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := notes.Seal(t.Context(), NewMessageID(), "", []byte("note")); err != nil {
		t.Fatal(err)
	}
	events, err := a.Receive(t.Context(), []byte("garbage"))
	if err != nil {
		t.Fatal(err)
	}
	all := printed(a) + printed(me) + printed(notes) + printed(events) + printed(*me) + printed(*notes)
	for _, b := range secrets(t, a, notes) {
		plain := strings.Trim(fmt.Sprint(b), "[]")
		for _, form := range []string{
			string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), plain, strings.ReplaceAll(plain, " ", ", "),
			base64.StdEncoding.EncodeToString(b)[:20],
		} {
			if strings.Contains(all, form) {
				t.Errorf("a secret is printed: %q", form)
			}
		}
	}
	if !strings.Contains(all, "sotto.Account") {
		t.Error("an account does not print its kind")
	}
}

// Sessions that close are wiped from memory, too, and those that are open by Lock.
func TestSecretsOfClosedSessionsAreWiped(t *testing.T) {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	a, err := Create(t.Context(), store.Memory(), "alice", &Options{Now: func() time.Time { return now }}, lockbox.Wrapped(key))
	if err != nil {
		t.Fatal(err)
	}
	me, err := a.Contact(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	notes, err := a.Direct(t.Context(), me)
	if err != nil {
		t.Fatal(err)
	}
	used := func() *session.Session {
		t.Helper()
		if _, err := notes.Seal(t.Context(), NewMessageID(), "", []byte("note")); err != nil {
			t.Fatal(err)
		}
		if len(a.known.sessions) != 1 {
			t.Fatalf("%d sessions in memory", len(a.known.sessions))
		}
		for _, s := range a.known.sessions {
			return s
		}
		return nil
	}
	first := used()
	now = now.Add(session.DefaultPolicy().MaxAge + session.Grace)
	if err := a.Upkeep(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	second := used()
	a.Lock()
	for _, s := range []*session.Session{first, second} {
		if _, err := s.ExportSecretStatement(); !errors.Is(err, fault.DestroyedKey) {
			t.Errorf("a session that is over is in memory: %v", err)
		}
	}
}

// Keys that were replaced are wiped by Upkeep, and everything by Lock.
func TestReplacedKeysAreWiped(t *testing.T) {
	key, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Create(t.Context(), store.Memory(), "alice", nil, lockbox.Wrapped(key))
	if err != nil {
		t.Fatal(err)
	}
	keys := func() (k *device.Keys) {
		t.Helper()
		err := a.view(t.Context(), func(v *view) (err error) {
			k, err = v.keys()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	old := keys()
	if old.KeyIDs() == nil {
		t.Fatal("no keys")
	}
	if err := a.Upkeep(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	now := keys()
	if old.KeyIDs() != nil || now.KeyIDs() == nil {
		t.Error("the old keys are there, or the new ones are not")
	}
	a.Lock()
	if now.KeyIDs() != nil {
		t.Error("keys in memory after Lock")
	}
}
