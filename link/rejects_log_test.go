package link_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// servedEnds gives the new device a log that ends its attempt.
func (r *run) servedEnds(l *device.Log, want fault.Code) {
	r.Helper()
	send, err := r.new.Served(l, r.now)
	if wantFault(r, err, want); send != nil {
		r.Error("a message beside the error")
	}
	r.newIsOver()
}

// waits gives the new device a log that changes nothing.
func (r *run) waits(l *device.Log, want fault.Code) {
	r.Helper()
	send, err := r.new.Served(l, r.now)
	if wantFault(r, err, want); send != nil || r.new.State(r.now) != link.Fetching {
		r.Errorf("state %v, or a message beside the error", r.new.State(r.now))
	}
}

// m3Of is M3 about the end of a log.
func m3Of(l *device.Log) *linking.M3 {
	pin := l.Pin()
	return &linking.M3{User: l.User(), Root: pin.Root, Seq: pin.Seq, Head: pin.Head}
}

func TestM3LogOtherLength(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		short := r.log
		r.add(r.phone, generate(t, alice).Record())
		r.confirmed()
		r.waits(short, fault.Rollback) // the server has not caught up, or hides the end: the log is fetched again
		r.say(r.new.Served(r.served(), start))

		r = begin(t)
		r.confirmed()
		r.add(r.phone, generate(t, alice).Record())
		r.servedEnds(r.served(), fault.TooFarAhead)
	})
}

func TestM3UserOther(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.shown()
		m := m3Of(r.log)
		m.User = "bob"
		r.newEnds(r.seal(m), fault.UntrustedSigner)
	})
}

func TestM3OtherRootOrHead(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		other := found(t, alice) // another identity of that user ID
		r.confirmed()
		r.servedEnds(other.log, fault.IdentityChanged)

		r = begin(t)
		r.shown()
		m := m3Of(r.log)
		m.Root[0] ^= 1
		r.toNew(r.seal(m))
		r.servedEnds(r.served(), fault.IdentityChanged)

		r = begin(t)
		r.shown()
		m = m3Of(r.log)
		m.Head[0] ^= 1
		r.toNew(r.seal(m))
		r.servedEnds(r.served(), fault.LogFork)

		// Two branches from the second entry on, by a device that was copied. The one that is served may be longer.
		for _, more := range []int{1, 2} {
			r = begin(t)
			branch := r.twin()
			r.add(r.phone, generate(t, alice).Record())
			for range more {
				branch.add(branch.phone, generate(t, alice).Record())
			}
			r.confirmed()
			r.servedEnds(branch.served(), fault.LogFork)
		}
	})
}

// twin is the same account in the hands of somebody who copied the phone.
func (a *account) twin() *account {
	a.Helper()
	state, err1 := a.phone.ExportSecretState()
	phone, err2 := device.ParseKeys(state)
	if err1 != nil || err2 != nil {
		a.Fatal(err1, err2)
	}
	return &account{a.TB, phone, a.log, slices.Clone(a.entries)}
}

func TestServedLogOfAnotherUser(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		bob := found(t, "bob")
		r.confirmed()
		for _, l := range []*device.Log{nil, {}, bob.log} {
			r.waits(l, fault.Misuse)
		}
		r.say(r.new.Served(r.served(), start))
	})
}

func TestOldCertNotActive(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		tablet := generate(t, alice)
		r.add(r.phone, tablet.Record())
		r.settle(tablet)
		revoke, err := r.log.Revoke(tablet, r.phone.Record().ID(), start)
		r.take(tablet, revoke, err)
		r.shown()
		// The old device itself does not go on with that log …
		_, err = r.old.Confirm(r.new.Digits(), r.log, start)
		wantFault(t, err, fault.Misuse)
		r.states(link.Asking, link.Showing)
		// … and whoever does is not believed.
		r.toNew(r.seal(m3Of(r.log)))
		r.servedEnds(r.served(), fault.RevokedDevice)

		// In that log the old device never was.
		r = begin(t)
		r.shown()
		other := found(t, alice)
		_, err = r.old.Confirm(r.new.Digits(), other.log, start)
		wantFault(t, err, fault.Misuse)
		r.toNew(r.seal(m3Of(other.log)))
		r.servedEnds(other.log, fault.UntrustedSigner)
	})
}

// m4Of is M4 of a device, made at the end of that log.
func (r *run) m4Of(k *device.Keys, l *device.Log) *linking.M4 {
	r.Helper()
	deviceKey, err := k.Rotate(l, nil, r.now)
	if err != nil {
		r.Fatal(err)
	}
	return &linking.M4{Record: k.Record().Bytes(), DeviceKey: deviceKey}
}

func TestM4RecordOtherUser(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		bob := found(t, "bob")
		r.confirmed()
		r.oldEnds(r.seal(r.m4Of(bob.phone, bob.log)), fault.UntrustedSigner)
	})
}

func TestM4DeviceIDUsed(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.confirmed()
		r.oldEnds(r.seal(r.m4Of(r.phone, r.log)), fault.Malformed)

		// Also when the device is not in the log any more.
		r = begin(t)
		tablet := generate(t, alice)
		r.add(r.phone, tablet.Record())
		entry, err := r.log.Revoke(r.phone, tablet.Record().ID(), start)
		r.take(r.phone, entry, err)
		r.confirmed()
		r.oldEnds(r.seal(r.m4Of(tablet, r.log)), fault.Malformed)
	})
}

func TestM4TooManyDevices(t *testing.T) {
	r := byQR(t)
	for range device.MaxActive - 1 {
		r.add(r.phone, generate(t, alice).Record())
	}
	r.oldEnds(r.compared(), fault.OverLimit)
}

func TestM4DeviceKeyOfAnotherPlace(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		before := r.log
		r.add(r.phone, generate(t, alice).Record())
		r.confirmed()
		r.oldEnds(r.seal(r.m4Of(generate(t, alice), before)), fault.UntrustedSigner)

		r = begin(t)
		r.confirmed()
		m, other := r.m4Of(generate(t, alice), r.log), r.m4Of(generate(t, alice), r.log)
		m.DeviceKey = other.DeviceKey
		r.oldEnds(r.seal(m), fault.UntrustedSigner)

		for name, change := range map[string]func(m *linking.M4){
			"no record":         func(m *linking.M4) { m.Record = nil },
			"no device-key":     func(m *linking.M4) { m.DeviceKey = nil },
			"each in the other": func(m *linking.M4) { m.Record, m.DeviceKey = m.DeviceKey, m.Record },
		} {
			r = begin(t)
			r.confirmed()
			m := r.m4Of(generate(t, alice), r.log)
			change(m)
			if r.oldEnds(r.seal(m), fault.Malformed); t.Failed() {
				t.Fatal(name)
			}
		}
		for name, change := range map[string]func(m *linking.M4){
			"record":     func(m *linking.M4) { m.Record[len(m.Record)-1] ^= 1 },
			"device-key": func(m *linking.M4) { m.DeviceKey[len(m.DeviceKey)-1] ^= 1 },
		} {
			r = begin(t)
			r.confirmed()
			m := r.m4Of(generate(t, alice), r.log)
			change(m)
			if r.oldEnds(r.seal(m), fault.UntrustedSigner); t.Failed() {
				t.Fatalf("broken signature of the %s", name)
			}
		}
	})
}

func TestM5RecordAltered(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.compared()
		entry := r.add(r.phone, generate(t, alice).Record())
		r.newEnds(r.seal(&linking.M5{Entry: entry}), fault.UntrustedSigner)
	})
}

func TestM5SignerNotOfTheQR(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		tablet := generate(t, alice)
		r.add(r.phone, tablet.Record())
		r.settle(tablet)
		entry := r.add(tablet, r.candidate())
		r.newEnds(r.seal(&linking.M5{Entry: entry}), fault.UntrustedSigner)
	})
}

func TestM5PrevNotOfM3(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		record := r.candidate()
		r.add(r.phone, generate(t, alice).Record())
		entry := r.add(r.phone, record)
		r.newEnds(r.seal(&linking.M5{Entry: entry}), fault.UntrustedSigner)
	})
}

func TestM5NoEntryThatAdds(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		for name, entry := range map[string]func(r *run) []byte{
			"root":    func(r *run) []byte { return r.entries[0] },
			"nothing": func(r *run) []byte { return nil },
			"record":  func(r *run) []byte { return r.phone.Record().Bytes() },
			"revoke": func(r *run) []byte {
				entry, err := r.log.Revoke(r.phone, r.phone.Record().ID(), start)
				if err != nil {
					t.Fatal(err)
				}
				return entry
			},
		} {
			r := begin(t)
			r.compared()
			if r.newEnds(r.seal(&linking.M5{Entry: entry(r)}), fault.Malformed); t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

// Who has the channel and not the old device's key can claim what he likes in M5: the log does not have it.
func TestM5EntryThatTheLogDoesNotHave(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		record := r.candidate()
		entry := r.add(r.phone, record)
		broken := bytes.Clone(entry)
		broken[len(broken)-1] ^= 1
		r.toNew(r.seal(&linking.M5{Entry: broken}))
		r.servedEnds(r.served(), fault.LogFork)

		// The log is not there yet, then it is another one, then the device was revoked.
		r = begin(t)
		before := r.log
		r.toNew(r.admitted())
		r.waits(before, fault.TooFarAhead)
		r.servedEnds(found(t, alice).log, fault.IdentityChanged)

		r = begin(t)
		r.toNew(r.admitted())
		candidate, _ := r.old.Candidate()
		revoke, err := r.log.Revoke(r.phone, candidate.ID(), start)
		r.take(r.phone, revoke, err)
		r.servedEnds(r.served(), fault.RevokedDevice)

		// What came after the entry does no harm.
		r = begin(t)
		r.toNew(r.admitted())
		r.add(r.phone, generate(t, alice).Record())
		r.say(r.new.Served(r.served(), start))
		r.states(link.Waiting, link.Registering)
	})
}

type stateful interface{ State(time.Time) link.State }

func TestAttemptIsNotResumedAfterARestart(t *testing.T) {
	both(t, func(t *testing.T, begin func(testing.TB) *run) {
		r := begin(t)
		r.shown()
		for _, v := range []any{r.old, r.new} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, again := range []stateful{&link.Old{}, &link.New{}} {
				if json.Unmarshal(b, again) == nil || again.State(start) != link.Aborted {
					t.Errorf("%s is read", b)
				}
			}
		}
	})
}
