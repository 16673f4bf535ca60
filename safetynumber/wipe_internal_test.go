package safetynumber

import (
	"testing"

	"github.com/sottokit/sotto/fault"
)

// wiped reports whether an attempt has no secret left.
func wiped(s *SAS) bool {
	_, err1 := s.key.ExportSecret()
	_, err2 := s.confirm.Export()
	return fault.Of(err1) == fault.DestroyedKey && fault.Of(err2) == fault.DestroyedKey
}

func TestSecretsGoWhenTheyAreNotNeeded(t *testing.T) {
	a, b := Party{User: "alice"}, Party{User: "bob"}
	for end, lead := range map[SASState][]func(i, r *SAS){
		SASDone: {func(i, r *SAS) {
			m, _ := i.Confirm()
			_, _ = r.Receive(m)
			_, _ = r.Confirm()
		}},
		SASDiffer: {func(_, r *SAS) { _, _ = r.Deny() }},
		SASAborted: {
			func(_, r *SAS) { _, _ = r.Cancel() },
			func(_, r *SAS) { _, _ = r.Receive(nil) },
			func(_, r *SAS) { r.Destroy() },
		},
	} {
		for _, f := range lead {
			checkWiped(t, a, b, end, f)
		}
	}
}

func checkWiped(t *testing.T, a, b Party, end SASState, lead func(i, r *SAS)) {
	t.Helper()
	i, m, err := StartSAS(a, b)
	if err != nil {
		t.Fatal(err)
	}
	r, m, err := AcceptSAS(b, a, m)
	for _, s := range []*SAS{i, r, i} {
		if err == nil {
			m, err = s.Receive(m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.key.ExportSecret(); fault.Of(err) != fault.DestroyedKey {
		t.Error("the ephemeral key outlives the agreement")
	}
	if wiped(r) {
		t.Error("the key of the confirmations is gone too early")
	}
	if lead(i, r); r.State() != end || !wiped(r) {
		t.Errorf("%v, want %v, or secrets are left", r.State(), end)
	}
}

func TestAttemptThatIsAbortedEarlyHasNoKeyLeft(t *testing.T) {
	s, _, err := StartSAS(Party{User: "alice"}, Party{User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(nil); err == nil || !wiped(s) {
		t.Errorf("%v, or the ephemeral key is left", err)
	}
}
