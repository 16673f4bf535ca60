package sotto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// Everything that is done with recovery keys, right and wrong: none of them stands in what is stored, sent, reported or
// printed.
func TestRecoveryKeysStandNowhere(t *testing.T) {
	first, second, wrong := recovery.Generate(), recovery.Generate(), recovery.Generate()
	secret := newSecret()
	var said []string
	var bin [][]byte
	say := func(values ...any) {
		for _, v := range values {
			said = append(said, fmt.Sprint(v), fmt.Sprintf("%+v %#v", v, v))
			if b, err := json.Marshal(v); err == nil {
				said = append(said, string(b))
			}
		}
	}
	n := sottotest.NewNetwork(t)
	alice := n.Create("alice")
	keep := func(p *sottotest.Peer) {
		for _, e := range must(p.Backend.Scan(background, nil, nil, 1<<20)) {
			bin = append(bin, e.Key, e.Value)
		}
		for _, parcel := range must(p.Pending(background)) {
			bin = append(bin, parcel.Data)
		}
		for _, e := range must(p.Unread(background)) {
			say(e)
		}
	}
	ok(t, alice.SetRecovery(background, nil, first))
	keep(alice)
	list(t, alice)
	say(alice.SetRecovery(background, wrong, second), alice.Recover(background, wrong, second), alice.Recover(background, nil, second))
	_, err := alice.SealRecovery(background, wrong, secret)
	say(err)
	box := must(alice.SealRecovery(background, first, secret))
	bin = append(bin, box)
	for i := range box {
		b := bytes.Clone(box)
		b[i] ^= 1
		key, err := sotto.OpenRecovery(background, "alice", b, secret)
		say(key, err)
	}
	have := sotto.Have{Key: first, Secret: secret, Box: box}
	report := must(alice.RecoveryCheck(background, have))
	say(have, *report, report, first, &have, sotto.Options{Recovery: first})
	ok(t, alice.Recover(background, first, second))
	keep(alice)
	list(t, alice)
	keep(alice)
	say(alice.Recover(background, first, wrong))
	phone := n.Recover("alice", second)
	keep(phone)
	say(phone.Account, *must(phone.Report(background)), must(sotto.OpenRecovery(background, "alice", box, secret)))

	words := 0
	for _, key := range []*recovery.Key{first, second, wrong} {
		secrets := [][]byte{must(key.ExportSecret())}
		for _, p := range []recovery.Purpose{recovery.ForLog, recovery.ForBackup, recovery.ForLockbox} {
			secrets = append(secrets, must(key.ExportSecretFor(p)))
		}
		for _, s := range secrets {
			for _, b := range bin {
				if bytes.Contains(b, s) || bytes.Contains(b, s[:16]) {
					t.Fatal("a recovery key is stored or sent")
				}
			}
			list := strings.Trim(fmt.Sprint(s[:8]), "[]")
			for _, text := range said {
				words += len(text)
				for _, form := range []string{string(s), hex.EncodeToString(s)[:16], base64.StdEncoding.EncodeToString(s)[:12], list} {
					if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
						t.Fatalf("a recovery key is printed: %.200s", text)
					}
				}
			}
		}
		printed := string(must(key.ExportSecretText()))
		for _, text := range said {
			if strings.Contains(text, printed) || strings.Contains(text, printed[:11]) {
				t.Fatal("a recovery key is printed")
			}
		}
	}
	if words == 0 || len(bin) < 50 {
		t.Errorf("looked at %d bytes of text and %d values", words, len(bin))
	}
}

// The same for what the store seals: neither keys nor parcels nor duties hold a recovery key, whatever was done with it.
func TestNoRecoveryKeyIsKept(t *testing.T) {
	b, secret, first, second := store.Memory(), newSecret(), recovery.Generate(), recovery.Generate()
	alice := must(sotto.Create(background, b, "alice", nil, secret))
	looked := 0
	look := func() {
		t.Helper()
		rewrite(t, b, secret, func(tx *store.Tx) error {
			values := [][]byte{}
			for _, room := range []string{"account", "keys"} {
				value, _, err := tx.Get(store.Name{Room: room})
				if err != nil {
					return err
				}
				values = append(values, value)
			}
			for _, room := range []string{"outbox", "outbox/message", "inbox", "device/duty", "held/entry", "held/envelope"} {
				err := tx.Range(store.Name{Room: room}, func(_ uint64, value []byte) error {
					values = append(values, bytes.Clone(value))
					return nil
				})
				if err != nil {
					return err
				}
			}
			for _, value := range values {
				looked += len(value)
				for _, key := range []*recovery.Key{first, second} {
					for _, s := range [][]byte{must(key.ExportSecret()), must(key.ExportSecretFor(recovery.ForLog))} {
						if bytes.Contains(value, s) {
							t.Error("a recovery key is kept")
						}
					}
				}
			}
			return nil
		})
	}
	settle := func() { must(alice.Receive(background, must(alice.Pending(background))[0].Data)) }
	settle()
	ok(t, alice.SetRecovery(background, nil, first))
	look()
	settle()
	ok(t, alice.Recover(background, first, second))
	look()
	settle()
	look()
	phone := must(recoverIn(store.Memory(), must(must(alice.Contact(background, "alice")).Log(background)), second, &sotto.Options{Recovery: recovery.Generate()}))
	must(phone.SealRecovery(background, second, secret))
	alice.Lock()
	b, secret = store.Memory(), newSecret()
	alice = must(sotto.Create(background, b, "alice", &sotto.Options{Recovery: first}, secret, lockbox.Recovery(first)))
	look()
	if looked < 1000 {
		t.Errorf("looked at %d bytes", looked)
	}
}
