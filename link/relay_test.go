package link_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// thief answers a QR code that he took a photo of.
func thief(t testing.TB, qr []byte) (n *link.New, m1 []byte) {
	t.Helper()
	n, err := link.Scan(qr, start)
	if err != nil {
		t.Fatal(err)
	}
	if m1, err = n.Join(device.Classical, start); err != nil {
		t.Fatal(err)
	}
	return n, m1
}

// The relay has a photo of the QR code and answers first. What the person sees and types belongs to the new device that is
// in the room, and that shows nothing.
func TestPhotoThatAnswersFirstLeavesNoDigitsToType(t *testing.T) {
	r := byQR(t)
	other, first := thief(t, r.qr)
	m1 := r.joined()
	m2 := r.toOld(first)
	r.refuses(r.old.Receive, m1, fault.Replayed)
	r.newEnds(m2, fault.Damaged)
	if r.new.Digits() != "" {
		t.Error("the new device shows digits")
	}
	// The thief's own device is where it wants to be, with digits that nobody in the room can see. A guess is a guess.
	if _, err := other.Receive(m2, start); err != nil || other.State(start) != link.Showing {
		t.Errorf("%v, %v", other.State(start), err)
	}
	send, err := r.old.Confirm(otherDigits(other.Digits()), r.log, start)
	if wantFault(t, err, fault.WrongSecret); send != nil {
		t.Error("M3 for a guess")
	}
	r.oldIsOver()
}

// The same thief, later: the genuine answer is fixed.
func TestPhotoThatAnswersSecondChangesNothing(t *testing.T) {
	r := byQR(t)
	r.shown()
	_, late := thief(t, r.qr)
	r.refuses(r.old.Receive, late, fault.Replayed)
	r.states(link.Asking, link.Showing)
}

// Who knows the QR code and plays the old device has its passphrase, and not the private half of eO, which came by light.
func TestPhotoCannotPlayTheOldDevice(t *testing.T) {
	r := byQR(t)
	m1, err := linking.ParseM1(r.joined())
	if err != nil {
		t.Fatal(err)
	}
	q, err1 := linking.ParseQR(r.qr)
	eN, err2 := ecdh.NewPublicKey(m1.Key[:])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	r.channel = r.made(linking.ByQR(q.Rendezvous, q.Passphrase[:], ecdh.Generate(), eN, linking.TranscriptByQR(r.qr, m1.Key)))
	r.newEnds(r.seal(&linking.M2{Tag: r.tag(linking.Old)}), fault.Damaged)
}

// A QR code in which the relay put its own key is another QR code.
func TestQRCodeWithAnotherKeyDoesNotMeetTheOldDevice(t *testing.T) {
	r := byQR(t)
	q, err := linking.ParseQR(r.qr)
	if err != nil {
		t.Fatal(err)
	}
	q.Key = ecdh.Generate().Public()
	_, m1 := thief(t, q.Marshal())
	r.refuses(r.old.Receive, m1, fault.UntrustedSigner)
	r.done()
}

// The relay knows the code and stands between the two: an old device for the new one, a new device for the old one. Both get
// on with it, and show and expect different digits.
func TestRelayThatKnowsTheCodeHasOneGuess(t *testing.T) {
	r := byCode(t)
	thief, c2 := r.whoEnters(r.code, r.old.First())
	m2, err := r.old.Receive(c2, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := thief.Receive(m2, start); err != nil {
		t.Fatal(err)
	}
	// Towards the new device it commits to a value of its own before it sees Yb.
	mine := bytes.Repeat([]byte{7}, 31)
	ci := linking.CI(nameplate)
	c1, err := linking.ParseC1(r.old.First())
	if err != nil {
		t.Fatal(err)
	}
	party := cpace.Begin(scalar(t, append(mine, 0)), []byte(r.code[5:]), ci, c1.Rendezvous[:])
	first := r.changedC1(func(m *linking.C1) {
		m.Share = [32]byte(party.Share())
		m.Commitment = sha256.Sum256(append([]byte{5}, make([]byte, 31)...))
	})
	r.toNew(first)
	answer, err := r.new.Join(device.Classical, start)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := linking.ParseC2(answer)
	if err != nil {
		t.Fatal(err)
	}
	isk, err := party.Initiator(c1.AD, theirs.Share[:], theirs.AD)
	if err != nil {
		t.Fatal(err)
	}
	th := linking.TranscriptByCode(c1.Rendezvous, ci, c1.AD, [32]byte(party.Share()), theirs.AD, theirs.Share)
	r.channel = r.made(linking.ByCode(c1.Rendezvous, isk, th))

	r.toNew(r.seal(&linking.M2{Tag: r.tag(linking.Old), Opening: &[32]byte{5}}))
	if r.new.Digits() == "" || r.new.Digits() == thief.Digits() { // once in 10^6 runs by chance
		t.Fatal("the relay made both alike")
	}
	send, err := r.old.Confirm(r.new.Digits(), r.log, start)
	if wantFault(t, err, fault.WrongSecret); send != nil {
		t.Error("M3 for the relay")
	}
	r.oldIsOver()
}

func TestEightWrongAnswersEndTheAttempt(t *testing.T) {
	for wrong := range 9 {
		r := byQR(t)
		m1 := r.joined()
		for i := range wrong {
			bad := r.withTag(m1, [32]byte{byte(i)})
			want := fault.UntrustedSigner
			switch i % 3 { // whatever is wrong with it counts
			case 1:
				bad, want = []byte{byte(i)}, fault.Malformed
			case 2:
				bad, want = make([]byte, link.MaxMessage+1), fault.OverLimit
			}
			if i < 7 {
				r.refuses(r.old.Receive, bad, want)
			} else {
				r.oldEnds(bad, want)
			}
		}
		_, err := r.old.Receive(m1, start)
		if wrong < 8 && err != nil {
			t.Errorf("the right answer after %d wrong ones: %v", wrong, err)
		}
		if wrong >= 8 {
			wantFault(t, err, fault.Expired)
		}
	}
}

// After the right answer there are no wrong ones that are free.
func TestWrongAnswersAreFreeBeforeTheRightOneOnly(t *testing.T) {
	r := byQR(t)
	r.shown()
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
	r.oldEnds(nil, fault.Malformed)
}

// Two offers of one device stand beside each other: what is for one is nothing for the other, and only one of them can have
// the next place in the log.
func TestTwoOffersAtOnce(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		a := begin(t)
		b := a.again()
		if a.old.Rendezvous() == b.old.Rendezvous() || a.code != "" && a.code == b.code {
			t.Error("one mailbox or code for both")
		}
		answer := b.joined()
		if a.qr != nil {
			a.refuses(a.old.Receive, answer, fault.UntrustedSigner)
		}
		b.toNew(b.toOld(answer))
		b.toNew(b.say(b.old.Confirm(b.new.Digits(), b.log, start)))
		b.toOld(b.say(b.new.Served(b.served(), start)))
		b.states(link.Admitting, link.Waiting)

		a.done()
		record, _ := b.old.Candidate()
		if _, err := b.old.Admitted(b.log, a.entry, b.nonce, nil, start); fault.Of(err) != fault.Misuse {
			t.Errorf("the entry of the other offer: %v", err)
		}
		entry := b.add(b.phone, record) // now it does not follow the log that was confirmed
		if _, err := b.old.Admitted(b.log, entry, b.nonce, nil, start); fault.Of(err) != fault.Misuse {
			t.Errorf("the entry one place later: %v", err)
		}
		b.states(link.Admitting, link.Waiting)
		b.old.Cancel()
		b.states(link.Aborted, link.Waiting)
		if r, _ := b.old.Candidate(); r != record {
			t.Error("whom to revoke is forgotten")
		}
	})
}

// Until the digits were typed, the old device has told nobody anything: neither in the clear nor sealed.
func TestNothingLeavesTheOldDeviceBeforeTheDigits(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.shown()
		pin, cert, id := r.log.Pin(), r.phone.Record().Cert(), r.phone.Record().ID()
		secrets := map[string][]byte{
			"user ID": []byte(alice), "cert_id": cert[:], "device ID": id[:], "root": pin.Root[:], "head": pin.Head[:],
			"record": r.phone.Record().Bytes(), "log entry": r.entries[0],
			"Ed25519 key": r.phone.Record().Verifier().PublicKey(), "choice": []byte("vault.example"),
		}
		m2 := r.sent[len(r.sent)-1]
		content, err := r.channel.OpenAt(linking.ToNew, 0, m2)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string][]byte{"M2": m2, "content of M2": content}
		if r.qr == nil {
			// With a code the first message says whose account it is, and who offers it, to whoever asks for it.
			told["C1"] = r.old.First()
			for _, name := range []string{"user ID", "cert_id"} {
				if !bytes.Contains(told["C1"], secrets[name]) {
					t.Errorf("C1 without the %s: docs/spec/link.md says that it is in there", name)
				}
			}
			for _, name := range []string{"user ID", "cert_id"} {
				told["C1"] = bytes.ReplaceAll(told["C1"], secrets[name], nil)
			}
			secrets["secret of the code"] = []byte(r.code[5:])
		} else {
			q, err := linking.ParseQR(r.qr)
			if err != nil {
				t.Fatal(err)
			}
			secrets["passphrase"] = q.Passphrase[:]
		}
		secrets["digits"] = []byte(r.new.Digits())
		for in, b := range told {
			for name, s := range secrets {
				if bytes.Contains(b, s) {
					t.Errorf("%s holds the %s", in, name)
				}
			}
		}
		// And of all that is sent after it nothing is in the clear.
		r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
		for name, s := range secrets {
			if bytes.Contains(r.sent[len(r.sent)-1], s) {
				t.Errorf("M3 shows the %s", name)
			}
		}
	})
}

// A relay that changes any byte of any message ends the attempt, or is refused.
func TestEveryChangedByteIsRefused(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		first := step{"M1", true, (*run).joined, 0}
		for _, s := range append([]step{first}, sealedSteps()...) {
			t.Run(s.name, func(t *testing.T) {
				size := len(s.reach(begin(t)))
				for i := 0; i < size; i++ {
					if s.name != "M1" && i > 30 { // all headers, and samples of the ciphertext: the channel's test has every bit
						i = min(i+30, size-1)
					}
					r := begin(t)
					m := s.reach(r)
					m[i] ^= 1 << (i % 8)
					send, err := s.receiver(r)(m, start)
					if err == nil || send != nil {
						t.Fatalf("byte %d of %d: %v", i, size, err)
					}
					if c := fault.Of(err); c != fault.Malformed && c != fault.Damaged && c != fault.UntrustedSigner && c != fault.UnsupportedVersion {
						t.Errorf("byte %d of %d: %v", i, size, err)
					}
					switch {
					case s.name == "M1" && r.qr != nil, s.name == "M8":
					case s.toOld:
						r.oldIsOver()
					default:
						r.newIsOver()
					}
					if s.name == "M2" && r.new.Digits() != "" {
						t.Error("digits are shown")
					}
				}
			})
		}
	})
	// C1 stands in the clear, so some changes are seen by the old device only.
	size := len(byCode(t).old.First())
	for i := range size {
		r := byCode(t)
		first := r.old.First()
		first[i] ^= 1 << (i % 8)
		if _, err := r.new.Receive(first, start); err != nil {
			r.newIsOver()
			continue
		}
		c2 := r.say(r.new.Join(device.Classical, start))
		m2, err := r.old.Receive(c2, start)
		if err != nil { // another share, AD or rendezvous
			wantFault(t, err, fault.UntrustedSigner)
			r.oldIsOver()
			continue
		}
		r.newEnds(m2, fault.Damaged) // another commitment
	}
}
