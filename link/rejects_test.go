package link_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/link"
)

// oldEnds gives the old device a message that ends its attempt.
func (r *run) oldEnds(message []byte, want fault.Code) {
	r.Helper()
	send, err := r.old.Receive(message, r.now)
	if wantFault(r, err, want); send != nil {
		r.Error("an answer to what was refused")
	}
	r.oldIsOver()
}

// oldIsOver makes sure that nothing leads out of the end, and that nothing secret is left to be shown.
func (r *run) oldIsOver() {
	r.Helper()
	o := r.old
	if o.State(r.now) != link.Aborted || o.State(start.Add(-time.Hour)) != link.Aborted {
		r.Errorf("state %v", o.State(r.now))
	}
	for _, m := range append(r.sent, nil) {
		_, err := o.Receive(m, r.now)
		wantFault(r, err, fault.Expired)
	}
	_, err1 := o.Confirm("000000", r.log, r.now)
	_, err2 := o.Admitted(r.log, r.entry, r.nonce, nil, r.now)
	_, err3 := o.PNG(500)
	_, err4 := o.Terminal()
	for i, err := range []error{err1, err2, err3, err4} {
		wantFault(r, err, []fault.Code{fault.Expired, fault.Expired, fault.Misuse, fault.Misuse}[i])
	}
	if o.QR() != nil || o.Code() != "" {
		r.Error("something is left to be shown")
	}
	if o.Cancel(); o.State(r.now) != link.Aborted {
		r.Errorf("state %v", o.State(r.now))
	}
}

// newEnds gives the new device a message that ends its attempt.
func (r *run) newEnds(message []byte, want fault.Code) {
	r.Helper()
	send, err := r.new.Receive(message, r.now)
	if wantFault(r, err, want); send != nil {
		r.Error("an answer to what was refused")
	}
	r.newIsOver()
}

// newIsOver is oldIsOver of the other side, before its keys are the caller's.
func (r *run) newIsOver() {
	r.Helper()
	n := r.new
	if n.State(r.now) != link.Aborted || n.State(start.Add(-time.Hour)) != link.Aborted {
		r.Errorf("state %v", n.State(r.now))
	}
	for _, m := range append(r.sent, nil) {
		_, err := n.Receive(m, r.now)
		wantFault(r, err, fault.Expired)
	}
	_, err1 := n.Join(device.Classical, r.now)
	_, err2 := n.JoinAs(r.phone, r.now)
	_, err3 := n.Served(r.log, r.now)
	_, err4 := n.Registered([]byte{1}, r.now)
	for _, err := range []error{err1, err2, err3, err4} {
		wantFault(r, err, fault.Expired)
	}
	if n.Digits() != "" || n.Keys() != nil || n.Log() != nil || n.Ticket() != nil || n.Nonce() != [32]byte{} {
		r.Error("something is left")
	}
	if n.Cancel(); n.State(r.now) != link.Aborted {
		r.Errorf("state %v", n.State(r.now))
	}
}

// refuses gives a side a message that is refused and changes nothing.
func (r *run) refuses(receive func([]byte, time.Time) ([]byte, error), message []byte, want fault.Code) {
	r.Helper()
	old, young := r.old.State(r.now), r.new.State(r.now)
	send, err := receive(message, r.now)
	if wantFault(r, err, want); send != nil {
		r.Error("an answer to what was refused")
	}
	r.states(old, young)
}

// The names of native.md, "must reject", link. Each changes one thing of an attempt that is good otherwise.

func TestM1AfterExpiry(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		m := r.joined()
		r.now = start.Add(link.Life)
		r.oldEnds(m, fault.Expired)
	})
}

func TestIntentNot1(t *testing.T) {
	r := byQR(t)
	qr := bytes.Clone(r.qr)
	qr[len(qr)-1] = 2
	n, err := link.Scan(qr, start)
	if wantFault(t, err, fault.Malformed); n != nil {
		t.Error("an attempt beside the error")
	}
}

func TestENOfLowOrder(t *testing.T) {
	r := byQR(t)
	for _, key := range [][32]byte{{}, {1}, {31: 0x80}} {
		m1, err := (&linking.M1{Key: key}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		r.refuses(r.old.Receive, m1, fault.Malformed)
	}
	r.done()
}

func (r *run) tag(side linking.Side) [32]byte {
	r.Helper()
	tag, err := r.channel.Tag(side)
	if err != nil {
		r.Fatal(err)
	}
	return tag
}

// withTag is a good answer of the new device, but for its tag.
func (r *run) withTag(answer []byte, tag [32]byte) []byte {
	r.Helper()
	good := r.tag(linking.New)
	if !bytes.Contains(answer, good[:]) {
		r.Fatal("the answer has another tag")
	}
	return bytes.Replace(answer, good[:], tag[:], 1)
}

func TestTagWrong(t *testing.T) {
	r := byQR(t)
	m1 := r.joined()
	r.refuses(r.old.Receive, r.withTag(m1, [32]byte{}), fault.UntrustedSigner)
	r.toOld(m1)
	r.newEnds(r.seal(&linking.M2{}), fault.UntrustedSigner)

	r = byCode(t)
	r.oldEnds(r.withTag(r.joined(), [32]byte{}), fault.UntrustedSigner)
	opening := [32]byte{}
	r.newEnds(r.seal(&linking.M2{Opening: &opening}), fault.UntrustedSigner)
}

func TestTagReflected(t *testing.T) {
	r := byQR(t)
	m1 := r.joined()
	r.refuses(r.old.Receive, r.withTag(m1, r.tag(linking.Old)), fault.UntrustedSigner)
	r.newEnds(r.seal(&linking.M2{Tag: r.tag(linking.New)}), fault.UntrustedSigner)

	r = byCode(t)
	r.oldEnds(r.withTag(r.joined(), r.tag(linking.Old)), fault.UntrustedSigner)
	r.newEnds(r.seal(&linking.M2{Tag: r.tag(linking.New), Opening: &[32]byte{}}), fault.UntrustedSigner)
}

func TestSecondM1(t *testing.T) {
	r := byQR(t)
	other, err := link.Scan(r.qr, start)
	if err != nil {
		t.Fatal(err)
	}
	late, err := other.Join(device.Classical, start)
	if err != nil {
		t.Fatal(err)
	}
	r.shown()
	r.refuses(r.old.Receive, r.sent[0], fault.Replayed)
	r.refuses(r.old.Receive, late, fault.Replayed)
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
	r.refuses(r.old.Receive, r.sent[0], fault.Replayed) // while M4 is due
	r.oldEnds(late, fault.Malformed)
}

func TestDigitsBeforeM2(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		none := func() {
			t.Helper()
			if d := r.new.Digits(); d != "" {
				t.Errorf("digits in state %v", r.new.State(start))
			}
		}
		none()
		_, err := r.old.Confirm("000000", r.log, start)
		wantFault(t, err, fault.Misuse)
		m := r.joined()
		none()
		r.toOld(m)
		none()
		// What comes after M2 is not taken for it.
		r.newEnds(r.seal(&linking.M3{User: alice}), fault.Damaged)
		none()
	})
}

// otherDigits are not those.
func otherDigits(digits string) string {
	b := []byte(digits)
	b[5] = '0' + (b[5]-'0'+1)%10
	return string(b)
}

func TestDigitsWrong(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for at := range 6 {
			r := begin(t)
			r.shown()
			digits := []byte(r.new.Digits())
			digits[at] = '0' + (digits[at]-'0'+5)%10
			send, err := r.old.Confirm(string(digits), r.log, start)
			if wantFault(t, err, fault.WrongSecret); send != nil {
				t.Error("M3 beside the error")
			}
			r.oldIsOver()
		}
	})
}

func TestDigitsSecondTry(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.shown()
		_, err := r.old.Confirm(otherDigits(r.new.Digits()), r.log, start)
		wantFault(t, err, fault.WrongSecret)
		send, err := r.old.Confirm(r.new.Digits(), r.log, start)
		if wantFault(t, err, fault.Expired); send != nil {
			t.Error("a second try")
		}
	})
}

// step is a message that is due: who makes it, how far the attempt has to be, and where it stands when it is sealed.
type step struct {
	name  string
	toOld bool
	reach func(r *run) []byte // makes the message
	seq   byte                // of a sealed message
}

// sealedSteps are those of the sealed messages.
func sealedSteps() []step {
	return []step{
		{"M2", false, func(r *run) []byte { return r.toOld(r.joined()) }, 0},
		{"M3", false, func(r *run) []byte {
			r.shown()
			return r.say(r.old.Confirm(r.new.Digits(), r.log, r.now))
		}, 1},
		{"M4", true, (*run).compared, 0},
		{"M5", false, (*run).admitted, 2},
		{"M7", true, (*run).linked, 1},
		{"M8", false, func(r *run) []byte { return r.toOld(r.linked()) }, 3},
	}
}

// receiver is who takes the message of a step.
func (s step) receiver(r *run) func([]byte, time.Time) ([]byte, error) {
	if s.toOld {
		return r.old.Receive
	}
	return r.new.Receive
}

// direction is that of the message of a step.
func (s step) direction() linking.Direction {
	if s.toOld {
		return linking.ToOld
	}
	return linking.ToNew
}

// ends gives the receiver of a step what it must refuse. A device that is linked already stays so.
func (s step) ends(r *run, message []byte, want fault.Code) {
	r.Helper()
	switch {
	case s.toOld:
		r.oldEnds(message, want)
	case r.new.State(r.now) == link.Linked:
		r.refuses(r.new.Receive, message, want)
		if _, told := r.new.Choice(); told {
			r.Error("a choice out of nothing")
		}
	default:
		r.newEnds(message, want)
	}
}

// eachStep runs a test at each sealed message, in both modes.
func eachStep(t *testing.T, f func(t *testing.T, begin func(testing.TB) *run, s step)) {
	t.Helper()
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for _, s := range sealedSteps() {
			t.Run(s.name, func(t *testing.T) { f(t, begin, s) })
		}
	})
}

// moved is the content of a message, sealed for another place.
func (r *run) moved(s step, message []byte, to linking.Direction, seq byte) []byte {
	r.Helper()
	content, err := r.channel.OpenAt(s.direction(), s.seq, message)
	if err != nil {
		r.Fatal(err)
	}
	m, err := r.channel.SealAt(to, seq, content)
	if err != nil {
		r.Fatal(err)
	}
	return m
}

func TestDirectionSwapped(t *testing.T) {
	eachStep(t, func(t *testing.T, begin func(testing.TB) *run, s step) {
		r := begin(t)
		m := s.reach(r)
		other := linking.ToOld
		if s.toOld {
			other = linking.ToNew
		}
		s.ends(r, r.moved(s, m, other, s.seq), fault.Damaged)
	})
}

func TestSeqReplayed(t *testing.T) {
	eachStep(t, func(t *testing.T, begin func(testing.TB) *run, s step) {
		r := begin(t)
		m := s.reach(r)
		for _, earlier := range r.took[s.toOld] { // changes nothing
			r.refuses(s.receiver(r), earlier, fault.Replayed)
		}
		if s.seq > 0 {
			s.ends(r, r.moved(s, m, s.direction(), s.seq-1), fault.Damaged)
		}
	})
}

func TestSeqSkipped(t *testing.T) {
	eachStep(t, func(t *testing.T, begin func(testing.TB) *run, s step) {
		r := begin(t)
		m := s.reach(r)
		s.ends(r, r.moved(s, m, s.direction(), s.seq+1), fault.Damaged)
	})
}

func TestSeqNonMinimal(t *testing.T) {
	eachStep(t, func(t *testing.T, begin func(testing.TB) *run, s step) {
		r := begin(t)
		m := s.reach(r)
		// 16([<<{1: 3, 6: h'NN', 16: …}>>, … becomes {1: 3, 6: h'00NN', …
		long := append(bytes.Clone(m[:2]), wire.MajorBytes|21+1)
		if m[2] != wire.MajorBytes|21 {
			t.Fatalf("protected header of %#x", m[2])
		}
		long = append(append(long, m[3:7]...), wire.MajorBytes|2, 0)
		long = append(long, m[8:]...)
		s.ends(r, long, fault.Malformed)
	})
}

func TestTranscriptOfOtherRun(t *testing.T) {
	eachStep(t, func(t *testing.T, begin func(testing.TB) *run, s step) {
		r, other := begin(t), begin(t)
		s.reach(r)
		s.ends(r, s.reach(other), fault.Damaged)
	})
}

// reflected messages are those that a side made itself.
func TestReflectedMessageIsRefused(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.newEnds(r.joined(), fault.Malformed) // M1 and C2 are not sealed

		r = begin(t)
		r.shown()
		m3 := r.say(r.old.Confirm(r.new.Digits(), r.log, start))
		r.oldEnds(m3, fault.Damaged)

		r = begin(t)
		r.newEnds(r.compared(), fault.Damaged)

		r = begin(t)
		r.oldEnds(r.admitted(), fault.Damaged)

		r = begin(t)
		r.refuses(r.new.Receive, r.linked(), fault.Damaged)
		r.states(link.Waiting, link.Linked)
	})
}
