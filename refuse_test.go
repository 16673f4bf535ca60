package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// garbage is nothing that an honest device made, with the reasons it is refused for.
func garbage(t *testing.T, alice, bob *sottotest.Peer, good []byte) map[string]struct {
	in   []byte
	want fault.Code
} {
	flipped, cut := bytes.Clone(good), good[:len(good)/2]
	flipped[len(flipped)-1] ^= 1
	stranger := newPerson(t, "stranger", nil)
	of := see(t, bob)
	_, envelope := stranger.begin(stranger.keys, of, start)
	claim := must(device.Generate("bob", device.Classical, start))
	must(claim.Found(nil, start))
	key := bytes.Clone(bob.Fetch()[len(bob.Fetch())-1])
	key[len(key)-1] ^= 1
	newer := bytes.Replace(good, []byte("sotto/v1.message"), []byte("sotto/v2.message"), 1)
	twin := bytes.Replace(good, []byte("sotto/v1.message"), []byte("sotto/v1.content"), 1)
	type g = struct {
		in   []byte
		want fault.Code
	}
	return map[string]g{
		"nothing":                 {nil, fault.Malformed},
		"a byte":                  {[]byte{0xd8}, fault.Malformed},
		"text":                    {[]byte("hello"), fault.Malformed},
		"cut":                     {cut, fault.Malformed},
		"flipped":                 {flipped, fault.Damaged},
		"of a newer version":      {newer, fault.UnsupportedVersion},
		"of a type for elsewhere": {twin, fault.Malformed},
		"too large":               {make([]byte, sotto.MaxInput+1), fault.OverLimit},
		"session of a stranger":   {envelope, fault.TooFarAhead},
		"log of a stranger":       {stranger.entries[0], fault.UntrustedSigner},
		"key of a stranger":       {stranger.rotate(stranger.keys), fault.UntrustedSigner},
		"forged key":              {key, fault.UntrustedSigner},
		"question of a stranger":  {must(session.Ask(stranger.keys, session.Prefix{}, start)), fault.UntrustedSigner},
		"another root":            {newPerson(t, "alice", nil).entries[0], fault.IdentityChanged},
	}
}

func TestGarbageBetweenGoodInputsDisturbsNothing(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	sealText(t, alice, "bob", "text 0")
	session := pending(t, alice, sotto.ParcelEnvelope)[0].Data
	receive(t, bob, session)
	all := garbage(t, alice, bob, pending(t, alice, sotto.ParcelMessage)[0].Data)
	in := conversation(t, alice, "bob", 1)
	var batch [][]byte
	var names []string
	for name, g := range all {
		batch, names = append(batch, g.in), append(names, name)
	}
	batch = append(append(batch, in...), batch...)
	names = append(append(names, make([]string, len(in))...), names...)
	events := receive(t, bob, batch...)
	for i, e := range events[:len(batch)] {
		if want := all[names[i]].want; e.Why != want {
			t.Errorf("%q has reason %v, want %v", names[i], e.Why, want)
		}
	}
	if have := texts(events); !slices.Equal(have, []string{"text 0", "text 0"}) {
		t.Errorf("messages %q", have)
	}
	if unread := must(bob.Unread(background)); len(unread) != 2 {
		t.Errorf("%d messages in the inbox", len(unread))
	}
}

// What is refused changes nothing, although it may bring something along that is right.
func TestRefusedInputsWriteNothing(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	key := bob.rotate(bob.keys)
	unknown := must(session.Ask(bob.keys, session.Prefix{1}, start))
	before := generation(t, alice.Backend)
	wantWhy(t, receive(t, alice, unknown)[0], fault.UnknownSession)
	wantWhy(t, receive(t, alice, []byte("garbage"))[0], fault.Malformed)
	wantWhy(t, receive(t, alice, newPerson(t, "bob", nil).entries[0])[0], fault.IdentityChanged)
	receive(t, alice, bob.entries...)
	if generation(t, alice.Backend) != before {
		t.Error("something was written")
	}
	wantWhy(t, receive(t, alice, key)[0], 0)
	before = generation(t, alice.Backend)
	wantWhy(t, receive(t, alice, key)[0], 0)
	if generation(t, alice.Backend) != before {
		t.Error("a key that is known was written again")
	}
}

func TestWhatIsForAnotherDeviceSaysSo(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	carol := alice.Network().Create("carol")
	carol.Meet(alice)
	events := receive(t, carol, conversation(t, alice, "bob", 1)...)
	wantWhy(t, events[0], fault.NotForThisDevice)
	wantWhy(t, events[1], fault.UnknownSession)
}

// A session of more than two users that is none of a group is no conversation; one of a group waits for its chain.
func TestSessionsOfOtherThanOneOrTwoUsersAreRefused(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob, carol := newPerson(t, "bob", nil), newPerson(t, "carol", nil)
	for _, p := range []*person{bob, carol} {
		must(alice.Trust(background, p.user, p.entries))
	}
	of := see(t, alice)
	state := device.Hash{1}
	group := &session.Conversation{ID: device.Hash{2}, Epoch: 1, State: &state, Members: []session.Member{
		{User: "alice", Root: of.log.Pin().Root},
		{User: "bob", Root: bob.log.Pin().Root},
		{User: "carol", Root: carol.log.Pin().Root},
	}}
	logs := session.Logs{"alice": of.log, "bob": bob.log, "carol": carol.log}
	s := must(session.Begin(bob.keys, group, session.DefaultPolicy(), nil, start, logs))
	wantWhy(t, receive(t, alice, must(s.SealTo(of.key)))[0], fault.TooFarAhead)

	statement := must(envelope.ParseSigned(must(s.ExportSecretStatement())))
	statement.State, statement.Epoch = nil, 0
	b := must(bob.keys.SignSession(&statement.Statement, statement.Secret))
	ephemeral := ecdh.Generate()
	to := []envelope.Recipient{{KeyID: of.key.ID(), Cert: of.key.Cert(), Key: of.key.X25519()}}
	sealed := must(envelope.Seal(must(envelope.ParseSigned(b)), b, make([]byte, 32), ephemeral, to))
	wantWhy(t, receive(t, alice, sealed)[0], fault.Malformed)
}
