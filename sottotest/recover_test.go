package sottotest_test

import (
	"context"
	"testing"

	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
)

// A user who has nothing left but the recovery key is back on the network: with the new device alone.
func TestAPeerRecoversWithItsKeyAlone(t *testing.T) {
	ctx := context.Background()
	alice, bob := sottotest.Pair(t)
	n, key := alice.Network(), recovery.Generate()
	if err := alice.SetRecovery(ctx, nil, key); err != nil {
		t.Fatal(err)
	}
	n.SyncAll()
	phone := n.Recover("alice", key)
	if phone.User() != "alice" || phone.Device() == alice.Device() || phone.Network() != n {
		t.Errorf("recovered %v", phone)
	}
	report, err := phone.Report(ctx)
	if err != nil || !report.Active || report.Pending {
		t.Errorf("report %+v: %v", report, err)
	}
	phone.Meet(bob)
	n.SyncAll()
	bob.Send("alice", "are you there?")
	if got := texts(t, phone.Sync()); len(got) != 1 || got[0] != "are you there?" {
		t.Errorf("the phone got %q", got)
	}
	phone.Restart()
	phone.Send("bob", "back")
	if got := texts(t, bob.Sync()); len(got) != 1 || got[0] != "back" {
		t.Errorf("bob got %q", got)
	}
	if got := texts(t, alice.Sync()); len(got) != 0 {
		t.Errorf("the device of before got %q", got)
	}
	again := n.Recover("alice", key)
	if report, err := phone.Report(ctx); err != nil || !report.Active {
		t.Errorf("the phone has heard of it before it synced: %+v, %v", report, err)
	}
	n.SyncAll()
	if report, err := phone.Report(ctx); err != nil || report.Active || again.Device() == phone.Device() {
		t.Errorf("report %+v: %v", report, err)
	}
}
