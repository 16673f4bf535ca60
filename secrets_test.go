package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
)

// opens fails the test when a secret does or does not open the account in b.
func opens(t *testing.T, b store.Backend, s *lockbox.Secret, want bool) {
	t.Helper()
	a, err := sotto.Unlock(background, b, nil, s)
	if (err == nil) != want {
		t.Errorf("opens: %t, %v", err == nil, err)
	}
	if !want {
		wantFault(t, err, fault.WrongSecret)
	} else if err == nil && a.User() != "alice" {
		t.Error("another account")
	}
}

func TestASecretIsReplaced(t *testing.T) {
	b, old, other, next := store.Memory(), newSecret(), newSecret(), newSecret()
	a := must(sotto.Create(background, b, "alice", nil, old, other))
	wantFault(t, a.ReplaceSecret(background, newSecret(), next), fault.WrongSecret)
	opens(t, b, old, true)
	ok(t, a.ReplaceSecret(background, old, next))
	opens(t, b, old, false)
	opens(t, b, next, true)
	opens(t, b, other, true)
	must(a.Pending(background)) // it is still unlocked
}

func TestASecretIsAdded(t *testing.T) {
	b, first, more := store.Memory(), newSecret(), newSecret()
	a := must(sotto.Create(background, b, "alice", nil, first))
	wantFault(t, a.AddSecret(background, newSecret(), more), fault.WrongSecret)
	opens(t, b, more, false)
	ok(t, a.AddSecret(background, first, more))
	opens(t, b, first, true)
	opens(t, b, more, true)
}

// Two processes change secrets at once: neither change is lost.
func TestSecretsOfTwoProcesses(t *testing.T) {
	b, first := newTap(), newSecret()
	a := must(sotto.Create(background, b, "alice", nil, first))
	other := must(sotto.Unlock(background, b, nil, first))
	one, two := newSecret(), newSecret()
	done := false
	b.before = func(call string) error {
		if call != "Commit" || done {
			return nil
		}
		done = true
		return other.AddSecret(background, first, two)
	}
	ok(t, a.AddSecret(background, first, one))
	b.before = nil
	if !done {
		t.Fatal("nobody was in between")
	}
	for _, s := range []*lockbox.Secret{first, one, two} {
		opens(t, b, s, true)
	}
}
