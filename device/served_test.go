package device_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// servedReject is what a log refuses of what is served to it later, though every entry alone may be good.
type servedReject struct {
	name  string
	want  fault.Code
	serve func(t testing.TB) (*device.Log, error)
}

func servedRejects() []servedReject {
	// parted serves one branch to who holds another.
	parted := func(held, other func(*scene, *writer)) func(testing.TB) (*device.Log, error) {
		return func(t testing.TB) (*device.Log, error) {
			s := newScene(t)
			a, b := s.branch(len(s.entries)), s.branch(len(s.entries))
			held(s, a)
			other(s, b)
			return a.log().Extend(b.entries)
		}
	}
	return []servedReject{
		{"fork", fault.LogFork, parted(add, add)},
		{"branch-below-recover", fault.Rollback, parted(recovers, add)},
		{"recover-by-key-replaced-on-other-branch", fault.LogFork, parted(replaces, recovers)},
		{"shorter-than-pin", fault.Rollback, func(t testing.TB) (*device.Log, error) {
			s := newScene(t)
			return s.log().Extend(s.entries[:3])
		}},
		{"other-root-than-pin", fault.IdentityChanged, func(t testing.TB) (*device.Log, error) {
			return newScene(t).log().Extend(newScene(t).entries)
		}},
		{"claim of another branch", fault.TooFarAhead, func(t testing.TB) (*device.Log, error) {
			s := newScene(t)
			other := s.branch(3)
			add(s, other)
			add(s, other)
			return s.log().Extend(other.entries[4:])
		}},
		{"root-not-self-signed", fault.UntrustedSigner, func(t testing.TB) (*device.Log, error) {
			s := newScene(t)
			return s.log().Extend([][]byte{newStranger(t, alice).entry(t, entry(nil, opRoot, s.founder.record, nil))})
		}},
		{"root-signature-by-other", fault.UntrustedSigner, func(t testing.TB) (*device.Log, error) {
			s := newScene(t)
			by := signer{newStranger(t, alice).key, s.founder.kid}
			return s.log().Extend([][]byte{by.entry(t, entry(nil, opRoot, s.founder.record, nil))})
		}},
	}
}

func TestLogRefusesWhatIsServedLater(t *testing.T) {
	for _, c := range servedRejects() {
		t.Run(c.name, func(t *testing.T) {
			l, err := c.serve(t)
			wantFault(t, err, c.want)
			if l != nil {
				t.Error("a log beside the error")
			}
		})
	}
}

func TestFirstEntryIsARootSignedByItsDevice(t *testing.T) {
	s, other := newScene(t), newStranger(t, alice)
	ofBob := newStranger(t, bob)
	byOther := signer{other.key, s.founder.kid}
	root := entry(nil, opRoot, s.founder.record, nil)
	one := make([]byte, 32)
	one[31] = 1
	brokenRecord := flipped(s.founder.record, len(s.founder.record)-1, 1)
	reasons := map[string]string{}
	for name, c := range map[string]struct {
		entries [][]byte
		want    fault.Code
	}{
		"root-not-self-signed":              {[][]byte{other.entry(t, root)}, fault.UntrustedSigner},
		"root-not-self-signed, signature":   {[][]byte{byOther.entry(t, root)}, fault.UntrustedSigner},
		"root-not-self-signed, record":      {[][]byte{s.founder.entry(t, root.with(5, brokenRecord))}, fault.UntrustedSigner},
		"root without a record":             {[][]byte{s.founder.entry(t, root.with(5, nil))}, fault.Malformed},
		"record-of-other-user":              {[][]byte{ofBob.entry(t, root.with(5, ofBob.record))}, fault.UntrustedSigner},
		"user-id-differs":                   {[][]byte{ofBob.entry(t, root.with(1, bob).with(5, ofBob.record))}, fault.UntrustedSigner},
		"seq-gap":                           {[][]byte{s.founder.entry(t, root.with(2, 1))}, fault.TooFarAhead},
		"prev-wrong":                        {[][]byte{s.founder.entry(t, root.with(3, one))}, fault.Malformed},
		"another operation":                 {[][]byte{s.founder.entry(t, root.with(4, opAdd))}, fault.Malformed},
		"no entry":                          {nil, fault.Malformed},
		"recovery key that is the device's": {[][]byte{s.founder.entry(t, root.with(7, s.founder.public()))}, fault.Malformed},
		"recovery key of small order":       {[][]byte{s.founder.entry(t, root.with(7, make([]byte, 32)))}, fault.Malformed},
	} {
		l, err := device.Verify(alice, c.entries)
		t.Run(name, func(t *testing.T) {
			wantFault(t, err, c.want)
			if l != nil {
				t.Error("a log beside the error")
			}
		})
		if other := reasons[err.Error()]; other != "" {
			t.Errorf("%s and %s share a reason: %v", name, other, err)
		}
		reasons[err.Error()] = name
	}
}
