package mk

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/fault"
)

// machine is a cost model: so many nanoseconds for a KiB and pass.
func machine(nanos float64) func(Params) (time.Duration, error) {
	return func(p Params) (time.Duration, error) {
		return time.Duration(nanos * float64(p.MemoryKiB) * float64(p.Time)), nil
	}
}

// On every machine the result is within bounds, and costs the target where bounds and limit leave room.
func TestCalibrateReachesTheTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nanos := rapid.Float64Range(20, 20_000).Draw(t, "nanos")
		target := time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(3*time.Second)).Draw(t, "target"))
		limit := rapid.Uint32Range(MinMemoryKiB, 4*MaxMemoryKiB).Draw(t, "limit")
		p, err := calibrate(context.Background(), target, limit, machine(nanos))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil || p.MemoryKiB > limit || p.Time < leastTime || p.MemoryKiB < min(limit, leastMemoryKiB) {
			t.Fatalf("%+v within %d KiB: %v", p, limit, err)
		}
		took, _ := machine(nanos)(p)
		least, _ := machine(nanos)(Params{Time: leastTime, MemoryKiB: min(limit, leastMemoryKiB)})
		most, _ := machine(nanos)(Params{Time: MaxTime, MemoryKiB: min(limit, MaxMemoryKiB)})
		if took > target*3/2+time.Millisecond && took > least { // half a pass is rounded up
			t.Fatalf("%+v costs %v, over %v", p, took, target)
		}
		if took < target/2-time.Millisecond && took < most {
			t.Fatalf("%+v costs %v, far under %v", p, took, target)
		}
	})
}

func TestCalibrateStops(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Calibrate(done, time.Second, MaxMemoryKiB)
	if !errors.Is(err, fault.Canceled) {
		t.Errorf("done context: %v", err)
	}
	for _, c := range []struct {
		target time.Duration
		limit  uint32
	}{{0, MaxMemoryKiB}, {-1, MaxMemoryKiB}, {time.Second, MinMemoryKiB - 1}} {
		if _, err := Calibrate(context.Background(), c.target, c.limit); !errors.Is(err, fault.Misuse) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	failed := func(Params) (time.Duration, error) { return 0, fault.Canceled }
	if _, err := calibrate(context.Background(), time.Second, MaxMemoryKiB, failed); !errors.Is(err, fault.Canceled) {
		t.Errorf("failed measurement: %v", err)
	}
}

func TestCalibrateMeasuresThisMachine(t *testing.T) {
	p, err := Calibrate(context.Background(), time.Nanosecond, MinMemoryKiB)
	if err != nil || p != (Params{Time: leastTime, MemoryKiB: MinMemoryKiB, Threads: 1}) {
		t.Errorf("%+v, %v: want the least", p, err)
	}
}

// A machine that is busy in two measurements out of three is measured as it is when it is not.
func TestCalibrateIgnoresSlowMoments(t *testing.T) {
	calls := 0
	busy := func(p Params) (time.Duration, error) {
		took, err := machine(500)(p)
		if calls++; calls%3 != 0 {
			took *= 10
		}
		return took, err
	}
	want, err := calibrate(context.Background(), time.Second, 64<<10, machine(500))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := calibrate(context.Background(), time.Second, 64<<10, busy); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}
