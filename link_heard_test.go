package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// The new device has trusted bob by itself before it hears what the phone has: the true one, or one that the server
// made up.
func TestAContactWhoWasTrustedTooEarlyIsHeldAgainstThePhones(t *testing.T) {
	for name, c := range map[string]struct {
		verified, fake bool
		want           trust.State
	}{
		"verified":             {true, false, trust.State{Mark: trust.Verified}},
		"unverified":           {false, false, trust.State{Mark: trust.Unverified}},
		"verified, and false":  {true, true, trust.State{Mark: trust.Changed, Cause: trust.Reset}},
		"unverified and false": {false, true, trust.State{Mark: trust.Changed, Cause: trust.Reset}},
	} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			if c.verified {
				verify(t, alice, "bob")
			}
			laptop := offered(t, alice, sessions).done()
			log := must(contact(alice, "bob").Log(background))
			if c.fake {
				log = newPerson(t, "bob", nil).entries
			}
			must(laptop.Trust(background, "bob", log))
			wantMark(t, laptop, "bob", trust.Unverified)
			alice.Flush()
			events := append(laptop.Sync(), laptop.Sync()...)
			if s := standing(t, laptop, "bob"); s.Mark != c.want.Mark || s.Cause != c.want.Cause {
				t.Errorf("bob is %+v", s.State)
			}
			if told := happened(events, "bob"); (len(told) == 1) != c.fake {
				t.Errorf("told %v", told)
			}
		})
	}
}

// Only the device that brought this one in says what people compared: another one may be a thief's.
func TestAnotherOwnDeviceVerifiesNobody(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	thief := newHand(t, alice)
	settled(t, alice)
	bobs := &person{t: t, user: "bob", log: logOf(t, bob)}
	wantWhy(t, receive(t, alice, thief.says(sharedContact, told(bobs, true)))[0], 0)
	wantMark(t, alice, "bob", trust.Unverified)
}
