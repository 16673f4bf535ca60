package device_test

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// reject is a log whose last entries break one rule.
type reject struct {
	name string
	want fault.Code
	put  func(s *scene) // the broken entry, on top of a good log
	bare bool           // on a log without a recovery key
}

// rejects are the names of what a log must refuse.
func rejects() []reject {
	return slices.Concat(chainRejects(), signerRejects(), deviceRejects(), recoveryRejects())
}

// sameReason are rejects that are by nature the case of another one.
var sameReason = map[string]string{
	"signer-added-later":                      "signer-unknown",                  // when it signs nobody knows it
	"old-cert-id-after-revoke":                "signer-revoked",                  // revoke ends all records of a device
	"set-recovery-by-device-when-set":         "recover-by-device",               // the recovery key must sign, a device did
	"recover-to-known-device":                 "add-reuses-device-id",            // what it brings in is new
	"add-reuses-id-of-active":                 "add-reuses-device-id",            // active or not
	"add-reuses-key-of-recovery":              "add-reuses-key",                  // of a device or not
	"set-recovery-to-key-of-device":           "set-recovery-to-key-from-before", // of a device or not
	"update-to-older-record":                  "update-same-cert-id",             // present or not
	"field7-on-revoke":                        "field7-on-other-op",
	"field7-on-update":                        "field7-on-other-op",
	"update-to-other-device-id":               "update-by-other-device",
	"update-without-record":                   "add-without-record",
	"recover-by-key-replaced-on-other-branch": "fork",
	"root-signature-by-other":                 "signature-by-other",
	"recover-by-revoked-device":               "recover-by-unknown-key",
}

func TestLogRefusesWhatBreaksARule(t *testing.T) {
	for _, r := range rejects() {
		t.Run(r.name, func(t *testing.T) {
			s := r.scene(t)
			good := s.log()
			n := len(s.entries)
			r.put(s)
			for door, open := range map[string]func() (*device.Log, error){
				"Verify": func() (*device.Log, error) { return device.Verify(alice, s.entries) },
				"Extend": func() (*device.Log, error) { return at(t, good, 0).Extend(s.entries[1:]) },
			} {
				l, err := open()
				wantFault(t, err, r.want)
				if l != nil {
					t.Errorf("%s: a log beside the error", door)
				}
			}
			if l, err := device.Verify(alice, s.entries[:n]); err != nil || l.Pin() != good.Pin() {
				t.Errorf("without the broken entry: %v", err)
			}
		})
	}
}

func (r reject) scene(t testing.TB) *scene {
	t.Helper()
	if r.bare {
		return bare(t)
	}
	return newScene(t)
}

var number = regexp.MustCompile(`[0-9]+`)

func TestEveryRejectHasAReasonOfItsOwn(t *testing.T) {
	reasons := map[string]string{} // by name
	for _, r := range rejects() {
		reasons[r.name] = r.reason(t)
	}
	for _, c := range servedRejects() {
		_, err := c.serve(t)
		reasons[c.name] = number.ReplaceAllString(err.Error(), "#")
	}
	names := map[string]string{} // by reason
	for name, reason := range reasons {
		if sameReason[name] != "" {
			continue
		}
		if names[reason] != "" {
			t.Errorf("%s and %s share a reason: %s", name, names[reason], reason)
		}
		names[reason] = name
	}
	for name, of := range sameReason {
		if reasons[name] != reasons[of] || reasons[of] == "" {
			t.Errorf("the reason of %s is not that of %s: %s", name, of, reasons[name])
		}
	}
}

// reason is why a log is refused, without the numbers.
func (r reject) reason(t testing.TB) string {
	t.Helper()
	s := r.scene(t)
	r.put(s)
	_, err := device.Verify(alice, s.entries)
	if err == nil {
		t.Fatalf("%s: accepted", r.name)
	}
	return number.ReplaceAllString(err.Error(), "#")
}

// Resume checks everything but signatures, so it refuses the same, those of wrong signatures aside. What was pinned was
// good: what is not is not what was pinned.
func TestResumeRefusesWhatBreaksARule(t *testing.T) {
	for _, r := range rejects() {
		t.Run(r.name, func(t *testing.T) {
			s := r.scene(t)
			r.put(s)
			l, err := device.Resume(alice, s.entries, s.pin())
			if signature := r.name == "signature-by-other" || r.name == "record-signature-by-other"; signature {
				if err != nil {
					t.Fatalf("a signature was checked: %v", err)
				}
				return
			}
			want := fault.Damaged
			if r.want == fault.UnsupportedVersion {
				want = r.want
			}
			wantFault(t, err, want)
			if l != nil {
				t.Error("a log beside the error")
			}
		})
	}
}

func TestUserIDsAreChecked(t *testing.T) {
	s := newScene(t)
	for _, user := range badUsers() {
		_, err := device.Verify(user, s.entries)
		wantFault(t, err, fault.Misuse)
		_, err = device.Resume(user, s.entries, s.pin())
		wantFault(t, err, fault.Misuse)
		_, err = device.ParseRecord(user, s.founder.record)
		wantFault(t, err, fault.Misuse)
		_, err = device.Generate(user, device.Classical, start)
		wantFault(t, err, fault.Misuse)
		_, err = device.NewChallenge(server, user, start)
		wantFault(t, err, fault.Misuse)
	}
	_, err := device.Verify(bob, s.entries)
	wantFault(t, err, fault.UntrustedSigner)
}

func TestHashesNameWhatTheyCover(t *testing.T) {
	s := newScene(t)
	l := s.log()
	if l.Pin() != s.pin() || l.User() != alice {
		t.Errorf("pin %v of %s, want %v", l.Pin(), l.User(), s.pin())
	}
	root, head := sum(s.entries[0]), sum(s.entries[len(s.entries)-1])
	anchor, err := wire.Marshal([]any{"sotto/v1.anchor", root[:], len(s.entries) - 1, head[:]})
	if err != nil || l.Anchor() != sum(anchor) {
		t.Errorf("another anchor, %v", err)
	}
	var certs []device.CertID
	for _, r := range l.Active() {
		certs = append(certs, r.Cert())
	}
	if !slices.Equal(certs, []device.CertID{sha256.Sum256(s.founder.fields.encode(t)), sha256.Sum256(s.laptop.fields.encode(t))}) {
		t.Errorf("active are %v", certs)
	}
}
