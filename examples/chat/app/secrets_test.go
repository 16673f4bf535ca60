package app_test

import (
	"fmt"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

func TestRelaySeesNoPlaintextAndNoSecret(t *testing.T) {
	s := newScene(t)
	phone, laptop, bob := talk(t, s)
	_, err := laptop.Revoke(t.Context(), phone.Device())
	must(t, err)
	laptop.sync()
	laptop.say("bob", texts[4])
	bob.reads("alice: " + texts[4])
	bob.say("alice", texts[5])
	laptop.reads("bob: " + texts[5])
	club := laptop.founds("bob")
	bob.sync()
	bob.say(club, texts[7])
	laptop.reads("bob: " + texts[7])

	secrets := map[string][]byte{}
	for _, text := range texts {
		secrets[text] = []byte(text)
	}
	for name, p := range map[string]*terminal{"phone": phone, "laptop": laptop, "bob": bob} {
		p.secretsOf(name, "alice", secrets)
	}
	for place, what := range s.find(secrets) {
		t.Errorf("%s holds a piece of %s", place, what)
	}
	// It would have seen them: what is public is everywhere.
	for _, place := range []string{inRequests, inResponses, inDatabase} {
		if _, found := s.find(map[string][]byte{"label": []byte(wire.LabelMessage)})[place]; !found {
			t.Errorf("%s was not watched", place)
		}
	}
}

// secretsOf adds what a device keeps secret: the key of its lockbox and the root of its store, its private keys, and the
// secrets of its open sessions with contacts, with itself, and in groups.
func (p *terminal) secretsOf(name, peer string, secrets map[string][]byte) {
	p.t.Helper()
	ctx := p.t.Context()
	header, _, err := store.Header(ctx, p.file)
	must(p.t, err)
	box, err := lockbox.Parse(header, []byte("sotto account"))
	must(p.t, err)
	root, err := box.Open(ctx, p.secret)
	must(p.t, err)
	for what, key := range map[string]*cose.Key{"lockbox key": p.root, "store root": root} {
		secrets[name+": "+what], err = key.ExportSecret()
		must(p.t, err)
	}
	db, err := store.Open(ctx, p.file, root, store.Schema{Version: 1})
	must(p.t, err)
	defer db.Destroy()
	sessions := 0
	must(p.t, db.View(ctx, func(tx *store.Tx) error {
		state, _, err := tx.Get(store.Name{Room: "keys"})
		must(p.t, err)
		r := wire.NewReader(state)
		r.Array("state", 16)
		r.Text("label", 64)
		r.Bytes("record", device.MaxRecord)
		secrets[name+": signing key"] = r.Bytes("seed", 32)
		for i := range r.Array("messaging keys", 16) {
			r.Array("messaging key", 4)
			r.Bytes("device-key", device.MaxDeviceKey)
			secrets[fmt.Sprintf("%s: messaging key %d", name, i)] = r.Bytes("x25519", 32)
			r.Raw("X-Wing seed")
			r.Raw("seconds on line")
		}
		must(p.t, r.Err())
		for _, id := range p.conversations() {
			list, _, err := tx.Get(store.Name{Room: "session/of", Parts: [][]byte{id[:]}})
			must(p.t, err)
			for ; len(list) >= 48; list = list[48:] { // session ID, device ID
				statement, _, err := tx.Get(store.Name{Room: "session/statement", Parts: [][]byte{list[:32]}})
				must(p.t, err)
				signed, err := envelope.ParseSigned(statement)
				must(p.t, err)
				secrets[fmt.Sprintf("%s: session %x", name, list[:4])] = signed.Secret
				sessions++
			}
		}
		return nil
	}))
	if sessions == 0 {
		p.t.Errorf("%s has no sessions", name)
	}
}

// conversations are those with contacts, with itself, and in groups.
func (p *terminal) conversations() (all []device.Hash) {
	p.t.Helper()
	contacts, err := p.Contacts(p.t.Context())
	must(p.t, err)
	for _, c := range contacts {
		conversation, err := p.Direct(p.t.Context(), c)
		must(p.t, err)
		all = append(all, conversation.ID())
	}
	groups, err := p.Groups(p.t.Context())
	must(p.t, err)
	for _, g := range groups {
		all = append(all, g.ID())
	}
	return all
}

// The watcher is worth something: a client that does not seal is found out, in all three places.
func TestWatcherFindsPlaintext(t *testing.T) {
	s := newScene(t)
	alice := s.create("alice")
	client := relay.NewClient(s.url, relayName, alice.Account, alice.http)
	_, err := client.Post(t.Context(), []device.ID{alice.Device()}, []byte("quite open, "+texts[0]))
	must(t, err)
	items, err := client.Mail(t.Context(), 0, 0)
	must(t, err)
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	found := s.find(map[string][]byte{"text": []byte(texts[0])})
	for _, place := range []string{inRequests, inResponses, inDatabase} {
		if found[place] != "text" {
			t.Errorf("not found in %s", place)
		}
	}
	if alice.sync(); !alice.refusedSomething() {
		t.Error("the receiver takes plaintext")
	}
}

func (p *terminal) refusedSomething() bool {
	for _, e := range p.shown {
		if e.Kind == sotto.KindUnknown && e.Why != 0 {
			return true
		}
	}
	return false
}
