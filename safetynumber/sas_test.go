package safetynumber_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sas"
	"github.com/sottokit/sotto/safetynumber"
)

// attempt is an attempt of two devices, with the messages so far.
type attempt struct {
	testing.TB
	i, r                          *safetynumber.SAS
	start, accept, iKey, rKey     []byte
	transaction                   sas.Transaction
	initiatorSecret, responderKey *ecdh.PrivateKey
}

// begin starts an attempt of alice and bob, who hold what is given of each other.
func begin(t testing.TB, me, peer, peersMe, peersPeer safetynumber.Party) *attempt {
	t.Helper()
	mine, theirs := sas.NewSeed(), sas.NewSeed()
	a := &attempt{TB: t, initiatorSecret: mine.Key, responderKey: theirs.Key}
	var err1, err2 error
	a.i, a.start, err1 = safetynumber.StartSASFrom(mine, me, peer)
	a.r, a.accept, err2 = safetynumber.AcceptSASFrom(theirs, peersMe, peersPeer, a.start)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a.transaction = a.i.Transaction()
	a.states(safetynumber.SASWaiting, safetynumber.SASWaiting)
	return a
}

func (a *attempt) states(i, r safetynumber.SASState) {
	a.Helper()
	if a.i.State() != i || a.r.State() != r {
		a.Errorf("states %v and %v, want %v and %v", a.i.State(), a.r.State(), i, r)
	}
}

// must takes a message.
func (a *attempt) must(s *safetynumber.SAS, message []byte) (reply []byte) {
	a.Helper()
	reply, err := s.Receive(message)
	if err != nil {
		a.Fatal(err)
	}
	return reply
}

// ends takes a message that ends the attempt, and makes sure that it stays so.
func (a *attempt) ends(s *safetynumber.SAS, message []byte, want fault.Code) {
	a.Helper()
	reply, err := s.Receive(message)
	if wantFault(a, err, want); reply != nil {
		a.Error("a reply to what was refused")
	}
	a.stays(s, safetynumber.SASAborted)
}

// stays makes sure that nothing leads out of an end.
func (a *attempt) stays(s *safetynumber.SAS, end safetynumber.SASState) {
	a.Helper()
	for _, m := range [][]byte{a.start, a.accept, a.iKey, a.rKey, nil, a.message(sas.Deny, nil), a.message(sas.Cancel, nil)} {
		_, err := s.Receive(m)
		wantFault(a, err, fault.Expired)
	}
	_, err := s.Strings()
	wantFault(a, err, fault.Expired)
	for _, say := range []func() ([]byte, error){s.Confirm, s.Deny, s.Cancel} {
		m, err := say()
		if wantFault(a, err, fault.Expired); m != nil {
			a.Error("a message after the end")
		}
	}
	if s.Destroy(); s.State() != end {
		a.Errorf("state %v, want %v", s.State(), end)
	}
}

func (a *attempt) message(kind sas.Kind, body []byte) []byte {
	a.Helper()
	m, err := sas.Encode(kind, a.transaction, body)
	if err != nil {
		a.Fatal(err)
	}
	return m
}

// say is what a person says.
func (a *attempt) say(f func() ([]byte, error)) []byte {
	a.Helper()
	m, err := f()
	if err != nil {
		a.Fatal(err)
	}
	return m
}

// shown goes on until both show the strings.
func (a *attempt) shown() *attempt {
	a.Helper()
	a.iKey = a.must(a.i, a.accept)
	a.rKey = a.must(a.r, a.iKey)
	if m := a.must(a.i, a.rKey); m != nil {
		a.Errorf("a message after the last key: %x", m)
	}
	a.states(safetynumber.SASShown, safetynumber.SASShown)
	return a
}

func honest(t testing.TB) *attempt { return begin(t, alice(), bob(), bob(), alice()) }

func strings7(t testing.TB, s *safetynumber.SAS) safetynumber.SASStrings {
	t.Helper()
	shown, err := s.Strings()
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func TestBothPeopleSeeTheSameAndEndTogether(t *testing.T) {
	for _, initiatorFirst := range []bool{true, false} {
		a := honest(t).shown()
		if x, y := strings7(t, a.i), strings7(t, a.r); x != y || x.Emoji[0].Name == "" || x.Decimals[2] < 1_000 {
			t.Errorf("%v and %v", x, y)
		}
		first, second := a.i, a.r
		if !initiatorFirst {
			first, second = a.r, a.i
		}
		said := a.say(first.Confirm)
		if first.State() != safetynumber.SASConfirmed || second.State() != safetynumber.SASShown {
			t.Errorf("states %v and %v after one person", first.State(), second.State())
		}
		a.must(second, said)
		if first.State() != safetynumber.SASConfirmed || second.State() != safetynumber.SASPeerConfirmed {
			t.Errorf("states %v and %v after the message", first.State(), second.State())
		}
		a.must(first, a.say(second.Confirm))
		a.states(safetynumber.SASDone, safetynumber.SASDone)
		a.stays(a.i, safetynumber.SASDone)
		a.stays(a.r, safetynumber.SASDone)
	}
}

func TestBothMayConfirmAtOnce(t *testing.T) {
	a := honest(t).shown()
	x, y := a.say(a.i.Confirm), a.say(a.r.Confirm)
	a.states(safetynumber.SASConfirmed, safetynumber.SASConfirmed)
	a.must(a.i, y)
	a.must(a.r, x)
	a.states(safetynumber.SASDone, safetynumber.SASDone)
}

// Whatever differs, on whichever side, shows; and who does not look is stopped by the confirmation.
func TestEveryDifferenceOfWhatTheDevicesHoldShows(t *testing.T) {
	for name, change := range changes {
		p := bob()
		change(&p)
		for _, a := range []*attempt{
			begin(t, alice(), p, bob(), alice()), begin(t, alice(), bob(), p, alice()),
			begin(t, p, alice(), alice(), bob()), begin(t, bob(), alice(), alice(), p),
		} {
			a.shown()
			if x, y := strings7(t, a.i), strings7(t, a.r); x.Emoji == y.Emoji || x.Decimals == y.Decimals {
				t.Errorf("%s: the same strings", name)
			}
			x, y := a.say(a.i.Confirm), a.say(a.r.Confirm)
			a.ends(a.r, x, fault.Damaged)
			a.ends(a.i, y, fault.Damaged)
		}
	}
}

// A device that takes the other one's part holds the same two identities, but not as its own.
func TestIdentitiesAreNotInterchangeable(t *testing.T) {
	a := begin(t, alice(), bob(), alice(), bob()).shown()
	if strings7(t, a.i) == strings7(t, a.r) {
		t.Error("the same strings")
	}
}

func TestOneInTheMiddleMakesDifferentStrings(t *testing.T) {
	a := honest(t)
	middle := ecdh.Generate().Public().Bytes()
	commitment := sas.Commitment(middle, a.start)
	a.must(a.i, a.message(sas.Accept, commitment[:]))
	a.must(a.i, a.message(sas.ResponderKey, middle))
	a.must(a.r, a.message(sas.InitiatorKey, middle))
	a.states(safetynumber.SASShown, safetynumber.SASShown)
	if strings7(t, a.i) == strings7(t, a.r) {
		t.Error("the same strings")
	}
	a.ends(a.r, a.say(a.i.Confirm), fault.Damaged)
}

func TestKeyThatWasNotCommittedToEndsTheAttempt(t *testing.T) {
	a := honest(t)
	a.must(a.i, a.accept)
	a.ends(a.i, a.message(sas.ResponderKey, ecdh.Generate().Public().Bytes()), fault.Damaged)

	a = honest(t) // committed to another start
	key := a.responderKey.Public().Bytes()
	commitment := sas.Commitment(key, honest(t).start)
	a.must(a.i, a.message(sas.Accept, commitment[:]))
	a.ends(a.i, a.message(sas.ResponderKey, key), fault.Damaged)
}

func TestKeyOfLowOrderEndsTheAttempt(t *testing.T) {
	low := make([]byte, ecdh.Size)
	a := honest(t)
	a.ends(a.r, a.message(sas.InitiatorKey, low), fault.Malformed)
	commitment := sas.Commitment(low, a.start)
	a.must(a.i, a.message(sas.Accept, commitment[:]))
	a.ends(a.i, a.message(sas.ResponderKey, low), fault.Malformed)
}

func TestMessageOutOfOrderEndsTheAttempt(t *testing.T) {
	body := make([]byte, 32)
	for kind := sas.Start; kind <= sas.ResponderConfirm; kind++ {
		var m []byte
		waiting := func() *attempt {
			a := honest(t)
			m = a.message(kind, body)
			if kind == sas.Start {
				m = a.message(kind, nil)
			}
			return a
		}
		if a := waiting(); kind != sas.Accept {
			a.ends(a.i, m, order(kind, sas.Accept))
		}
		if a := waiting(); kind != sas.InitiatorKey {
			a.ends(a.r, m, order(kind, sas.InitiatorKey))
		}
		if a := waiting(); kind != sas.ResponderKey {
			a.must(a.i, a.accept)
			a.ends(a.i, m, order(kind, sas.ResponderKey))
		}
		if a := waiting().shown(); kind != sas.ResponderConfirm {
			a.ends(a.i, m, order(kind, sas.ResponderConfirm))
		}
		if a := waiting().shown(); kind != sas.InitiatorConfirm {
			a.ends(a.r, m, order(kind, sas.InitiatorConfirm))
		}
	}
}

func order(kind, due sas.Kind) fault.Code {
	if kind < due {
		return fault.Replayed
	}
	return fault.TooFarAhead
}

func TestMessageThatIsSentBackEndsTheAttempt(t *testing.T) {
	a := honest(t)
	a.ends(a.i, a.start, fault.Replayed)
	a = honest(t)
	a.ends(a.r, a.accept, fault.Replayed)
	a = honest(t)
	a.ends(a.i, a.must(a.i, a.accept), fault.Replayed)
	a = honest(t).shown()
	a.ends(a.r, a.rKey, fault.Replayed)
	a = honest(t).shown()
	a.ends(a.i, a.say(a.i.Confirm), fault.Replayed)
	a = honest(t).shown()
	a.ends(a.r, a.say(a.r.Confirm), fault.TooFarAhead)

	// The MAC of one's own confirmation, in the place of the other's.
	a = honest(t).shown()
	m, err := sas.Parse(a.say(a.r.Confirm))
	if err != nil {
		t.Fatal(err)
	}
	a.ends(a.r, a.message(sas.InitiatorConfirm, m.Body), fault.Damaged)
}

func TestConfirmationASecondTimeEndsTheAttempt(t *testing.T) {
	a := honest(t).shown()
	m := a.say(a.i.Confirm)
	a.must(a.r, m)
	a.ends(a.r, m, fault.Replayed)
}

func TestWrongMACEndsTheAttempt(t *testing.T) {
	for i := range 32 {
		a := honest(t).shown()
		m := a.say(a.i.Confirm)
		m[len(m)-1-i] ^= 1
		a.ends(a.r, m, fault.Damaged)
	}
	a := honest(t).shown()
	a.ends(a.i, a.message(sas.ResponderConfirm, make([]byte, 32)), fault.Damaged)
}

func TestMessageOfAnotherAttemptEndsTheAttempt(t *testing.T) {
	other := honest(t).shown()
	a := honest(t)
	a.ends(a.i, other.accept, fault.Damaged)
	a.ends(a.r, other.iKey, fault.Damaged)
	a = honest(t).shown()
	a.ends(a.i, other.message(sas.Deny, nil), fault.Damaged)
	a.ends(a.r, other.message(sas.Cancel, nil), fault.Damaged)
}

func TestWhatIsNoMessageEndsTheAttempt(t *testing.T) {
	good := honest(t).accept
	for n := range good {
		a := honest(t)
		a.ends(a.i, a.accept[:n], fault.Malformed)
	}
	for name, b := range map[string]struct {
		m    []byte
		want fault.Code
	}{
		"trailing byte":  {append(slices.Clone(good), 0), fault.Malformed},
		"over the limit": {append(slices.Clone(good), make([]byte, 128)...), fault.OverLimit},
		"version 2":      {bytes.Replace(good, []byte{1, 1}, []byte{1, 2}, 1), fault.UnsupportedVersion},
		"version 0":      {bytes.Replace(good, []byte{1, 1}, []byte{1, 0}, 1), fault.Malformed},
		"kind 9":         {bytes.Replace(good, []byte{2, 2}, []byte{2, 9}, 1), fault.UnsupportedVersion},
		"kind 0":         {bytes.Replace(good, []byte{2, 2}, []byte{2, 0}, 1), fault.Malformed},
		"kind 0, empty":  {honest(t).message(0, nil), fault.Malformed},
		"a long integer": {bytes.Replace(good, []byte{1, 1}, []byte{1, 0x18, 1}, 1), fault.Malformed},
	} {
		a := honest(t)
		a.ends(a.i, b.m, b.want)
		if _, _, err := safetynumber.AcceptSAS(bob(), alice(), b.m); fault.Of(err) != b.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyAStartStarts(t *testing.T) {
	a := honest(t).shown()
	for _, m := range [][]byte{a.accept, a.iKey, a.rKey, a.message(sas.Deny, nil), a.message(sas.Cancel, nil)} {
		s, reply, err := safetynumber.AcceptSAS(bob(), alice(), m)
		if wantFault(t, err, fault.Malformed); s != nil || reply != nil {
			t.Error("an attempt")
		}
		transaction, starts, err := safetynumber.SASTransaction(m)
		if err != nil || starts || transaction != a.i.Transaction() {
			t.Errorf("%x, %v, %v", transaction, starts, err)
		}
	}
	transaction, starts, err := safetynumber.SASTransaction(a.start)
	if err != nil || !starts || transaction != a.r.Transaction() {
		t.Errorf("%x, %v, %v", transaction, starts, err)
	}
	_, _, err = safetynumber.SASTransaction(a.start[:5])
	wantFault(t, err, fault.Malformed)
}

func TestNoIsTheEndOnBothSides(t *testing.T) {
	for name, before := range map[string]func(a *attempt){
		"at once":                    func(*attempt) {},
		"after the other one's yes":  func(a *attempt) { a.must(a.i, a.say(a.r.Confirm)) },
		"after the own yes":          func(a *attempt) { a.say(a.i.Confirm) },
		"after the own yes was read": func(a *attempt) { a.must(a.r, a.say(a.i.Confirm)) },
	} {
		a := honest(t).shown()
		before(a)
		a.must(a.r, a.say(a.i.Deny))
		if a.states(safetynumber.SASDiffer, safetynumber.SASDiffer); t.Failed() {
			t.Fatal(name)
		}
		a.stays(a.i, safetynumber.SASDiffer)
		a.stays(a.r, safetynumber.SASDiffer)
	}
}

func TestCancelIsTheEndOnBothSides(t *testing.T) {
	for _, a := range []*attempt{honest(t), honest(t).shown()} {
		a.must(a.i, a.say(a.r.Cancel))
		a.states(safetynumber.SASAborted, safetynumber.SASAborted)
		a.stays(a.i, safetynumber.SASAborted)
	}
}

func TestNobodyAnswersBeforeThereIsSomethingToCompare(t *testing.T) {
	a := honest(t)
	for range 2 {
		for _, s := range []*safetynumber.SAS{a.i, a.r} {
			_, err := s.Strings()
			wantFault(t, err, fault.Misuse)
			_, err = s.Confirm()
			wantFault(t, err, fault.Misuse)
			_, err = s.Deny()
			wantFault(t, err, fault.Misuse)
		}
	}
	a.shown() // it was no mistake of the other side
	a.say(a.i.Confirm)
	_, err := a.i.Confirm()
	wantFault(t, err, fault.Misuse)
	a.states(safetynumber.SASConfirmed, safetynumber.SASShown)
}

func TestUnfitPartiesStartNothing(t *testing.T) {
	start := honest(t).start
	check := func(me, peer safetynumber.Party, want fault.Code) {
		t.Helper()
		s, m, err := safetynumber.StartSAS(me, peer)
		if wantFault(t, err, want); s != nil || m != nil {
			t.Error("an attempt")
		}
		s, m, err = safetynumber.AcceptSAS(me, peer, start)
		if wantFault(t, err, want); s != nil || m != nil {
			t.Error("an attempt")
		}
	}
	for _, change := range unfit {
		p := bob()
		change(&p)
		check(alice(), p, fault.Misuse)
		check(p, alice(), fault.Misuse)
	}
	check(alice(), alice(), fault.Misuse)
	check(alice(), party("bob", safetynumber.MaxDevices+1), fault.OverLimit)
}

func TestAttemptThatNobodyBeganHasEnded(t *testing.T) {
	for _, s := range []*safetynumber.SAS{nil, {}} {
		a := honest(t)
		a.stays(s, safetynumber.SASAborted)
		if s.Transaction() != [16]byte{} {
			t.Error("a transaction")
		}
	}
}

func TestEveryAttemptHasItsOwnStrings(t *testing.T) {
	a, b := honest(t).shown(), honest(t).shown()
	if strings7(t, a.i) == strings7(t, b.i) || a.i.Transaction() == b.i.Transaction() || bytes.Equal(a.iKey, b.iKey) {
		t.Error("two attempts are alike")
	}
}

func TestCallersMayChangeWhatTheyHandedOver(t *testing.T) {
	a := honest(t)
	key := a.must(a.i, a.accept)
	clear(a.start)
	clear(a.accept)
	reply := a.must(a.r, key)
	clear(key)
	a.must(a.i, reply)
	clear(reply)
	if strings7(t, a.i) != strings7(t, a.r) {
		t.Error("other strings")
	}
	a.must(a.r, a.say(a.i.Confirm))
}

func TestAttemptPrintsNothingSecret(t *testing.T) {
	a := honest(t).shown()
	want := fmt.Sprintf("safetynumber.SAS(%x)", a.transaction[:8])
	b, err := json.Marshal(a.i)
	if err != nil || string(b) != `"`+want+`"` {
		t.Errorf("%s, %v", b, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if s := fmt.Sprintf(verb, a.i); s != want {
			t.Errorf("%s prints %q", verb, s)
		}
	}
}

func TestStatesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for s := safetynumber.SASAborted; s <= safetynumber.SASDiffer; s++ {
		if name := s.String(); name == "unknown" || seen[name] {
			t.Errorf("%d is %q", s, name)
		}
		seen[s.String()] = true
	}
	if safetynumber.SASState(-1).String() != "unknown" || safetynumber.SASState(7).String() != "unknown" {
		t.Error("a number that is no state has a name")
	}
}

func TestAttemptIsSafeForConcurrentUse(t *testing.T) {
	a := honest(t).shown()
	var wg sync.WaitGroup
	confirmed := make(chan []byte, 8)
	for range 8 {
		wg.Go(func() {
			if m, err := a.i.Confirm(); err == nil {
				confirmed <- m
			}
			_, _ = a.i.Strings()
			_ = a.i.State()
		})
		wg.Go(func() { _, _ = a.r.Receive(a.rKey) })
	}
	wg.Wait()
	if len(confirmed) != 1 {
		t.Errorf("%d confirmations", len(confirmed))
	}
	a.states(safetynumber.SASConfirmed, safetynumber.SASAborted)
}

// Whatever two people do, and whatever order messages come in: a device is done only when both have confirmed, and two that
// hold something different never are.
func TestDoneMeansThatBothConfirmedTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		theirs := alice()
		same := rapid.Bool().Draw(rt, "same")
		if !same {
			theirs.Devices = theirs.Devices[:1]
		}
		a := begin(t, alice(), bob(), bob(), theirs)
		devices := []*safetynumber.SAS{a.i, a.r}
		queues := [][][]byte{{a.accept}, nil} // to each
		var said [2]bool
		for range rapid.IntRange(0, 24).Draw(rt, "steps") {
			at := rapid.IntRange(0, 1).Draw(rt, "device")
			var m []byte
			var err error
			switch rapid.SampledFrom([]string{"in", "in", "in", "in", "double", "confirm", "confirm", "deny"}).Draw(rt, "step") {
			case "in", "double":
				if len(queues[at]) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(queues[at])-1).Draw(rt, "message")
				m, err = devices[at].Receive(queues[at][i])
				if rapid.Bool().Draw(rt, "drop") {
					queues[at] = slices.Delete(queues[at], i, i+1)
				}
			case "confirm":
				m, err = devices[at].Confirm()
				said[at] = said[at] || err == nil
			case "deny":
				m, err = devices[at].Deny()
			}
			if err == nil && m != nil {
				queues[1-at] = append(queues[1-at], m)
			}
			for _, d := range devices {
				if d.State() == safetynumber.SASDone && !(said[0] && said[1] && same) {
					rt.Fatalf("done, and confirmed %v, same %v", said, same)
				}
			}
		}
	})
}

func TestEmojiAreThoseOfMatrix(t *testing.T) {
	names := map[string]bool{}
	for range 400 { // each of the 64 is missing with a probability of e^-44
		a := honest(t)
		for _, e := range strings7(t, a.shown().i).Emoji {
			names[e.Picture+" "+e.Name] = true
		}
	}
	if len(names) != 64 {
		t.Errorf("%d emoji, want 64", len(names))
	}
	for _, e := range []string{"🐶 Dog", "🐙 Octopus", "☁️ Cloud", "🤖 Robot", "👍 Thumbs Up", "💡 Light Bulb", "✈️ Aeroplane", "📌 Pin"} {
		if !names[e] {
			t.Errorf("no %s in %s", e, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
	}
}
