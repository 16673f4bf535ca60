package sim_test

import (
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/sim"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/storetest"
)

func TestDiskIsABackend(t *testing.T) {
	storetest.Test(t, func(*testing.T) func() store.Backend {
		d := sim.NewDisk()
		return func() store.Backend { return d }
	})
}

func TestPowerFailsBeforeOrAfterTheCommit(t *testing.T) {
	for power, survives := range map[sim.Power]bool{sim.CutBefore: false, sim.CutAfter: true} {
		d := sim.NewDisk()
		d.Cut(power)
		put := store.Batch{Put: []store.Entry{{Key: []byte("k"), Value: []byte("v")}}}
		faulttest.Want(t, d.Commit(t.Context(), put), fault.StoreFailed)
		_, _, err := d.Get(t.Context(), []byte("k"))
		faulttest.Want(t, err, fault.StoreFailed)
		d.Cut(sim.PowerOn)
		if _, found, err := d.Get(t.Context(), []byte("k")); found != survives || err != nil {
			t.Errorf("power %d: found %v, %v", power, found, err)
		}
	}
}

func TestRestoreBringsBackAnEarlierState(t *testing.T) {
	d := sim.NewDisk()
	for i := range byte(3) {
		put := store.Batch{Base: uint64(i), Put: []store.Entry{{Key: []byte("k"), Value: []byte{i}}}}
		if err := d.Commit(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	copied, err := d.Copy()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Restore(1); err != nil {
		t.Fatal(err)
	}
	for disk, want := range map[*sim.Disk]byte{d: 0, copied: 2} {
		if v, found, err := disk.Get(t.Context(), []byte("k")); err != nil || !found || v[0] != want {
			t.Errorf("value %v, want %d: %v", v, want, err)
		}
	}
}
