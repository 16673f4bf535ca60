package group_test

import (
	"testing"

	"github.com/sottokit/sotto/group"
)

func TestOperationsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for op := group.OpCreate; op <= group.OpResolve+1; op++ {
		if s := op.String(); s == "" || seen[s] {
			t.Errorf("%d is %q", op, s)
		} else {
			seen[s] = true
		}
	}
	if group.OpAdd.String() != "add" || group.OpTransfer.String() != "transfer" {
		t.Error("names are shifted")
	}
}
