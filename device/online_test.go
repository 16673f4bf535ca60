package device_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
)

// online is a device whose first key was renewed at start.
func online(t testing.TB) (*history, *device.Keys) {
	t.Helper()
	k := generate(t, alice, device.Hybrid)
	h := found(t, k, nil)
	h.rotate(k, nil, start.Add(-7*day))
	h.rotate(k, nil, start)
	return h, k
}

func contact(t testing.TB, k *device.Keys, now time.Time, want int) {
	t.Helper()
	if wiped, err := k.Online(now); err != nil || wiped != want {
		t.Errorf("%d keys wiped at %v, want %d: %v", wiped, now.Sub(start), want, err)
	}
}

func TestOldKeyIsWipedAfterSevenDaysOnLine(t *testing.T) {
	_, k := online(t)
	ids := k.KeyIDs()
	secret := privateHalves(t, k)[1]
	for n := range 6 {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
	}
	contact(t, k, start.Add(7*day-time.Second), 0)
	if !bytes.Contains(state(t, k), secret.x25519) || !bytes.Contains(state(t, k), secret.xwing) {
		t.Fatal("wiped early")
	}
	contact(t, k, start.Add(7*day), 1)
	if !slices.Equal(k.KeyIDs(), ids[:1]) {
		t.Error("its ID is still there, or the newest one is gone")
	}
	if bytes.Contains(state(t, k), secret.x25519) || bytes.Contains(state(t, k), secret.xwing) {
		t.Error("its private half is still there")
	}
	for n := range 400 {
		contact(t, k, start.Add(time.Duration(8+n)*day), 0) // the newest one is never wiped
	}
}

// Time counts in gaps of at most a day, through restarts, for each key from its own renewal.
func TestTimeOnLineIsCountedThroughRestarts(t *testing.T) {
	h, k := online(t)
	for n := range 3 {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
		k = restored(t, state(t, k))
	}
	h.rotate(k, nil, start.Add(3*day))
	for n := 3; n < 6; n++ {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
		k = restored(t, state(t, k))
	}
	contact(t, k, start.Add(7*day), 1)
	for n := 7; n < 9; n++ {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
	}
	contact(t, k, start.Add(10*day), 1)
}

func TestMonthOffLineKeepsTheKeys(t *testing.T) {
	_, k := online(t)
	contact(t, k, start.Add(time.Hour), 0)
	contact(t, k, start.Add(31*day), 0) // a day counts
	contact(t, k, start.Add(62*day), 0)
	for n := range 4 {
		contact(t, k, start.Add(time.Duration(63+n)*day), 0) // with the first hour: 6 days and 1 hour
	}
	contact(t, k, start.Add(67*day-time.Hour), 1)
}

func TestNoJumpOfTheClockWipesAKey(t *testing.T) {
	_, k := online(t)
	for _, jump := range []time.Duration{
		10000 * day, -10000 * day, // there and back: a day at most
		20000 * day, -5000 * day, 0, 1 << 40, time.Second, 2 * time.Second,
	} {
		contact(t, k, start.Add(jump), 0)
		contact(t, k, start.Add(jump), 0)
	}
	if len(k.KeyIDs()) != 2 {
		t.Error("a key was wiped")
	}
}

// A clock that swings within a day counts no hour twice.
func TestTimeIsNotCountedTwiceWhenTheClockGoesBack(t *testing.T) {
	_, k := online(t)
	for range 100 {
		contact(t, k, start.Add(20*time.Hour), 0)
		contact(t, k, start.Add(10*time.Hour), 0)
		k = restored(t, state(t, k))
	}
	contact(t, k, start.Add(20*time.Hour), 0)
	for n := range 6 {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
	}
	contact(t, k, start.Add(7*day-time.Second), 0)
	contact(t, k, start.Add(7*day), 1)
}

// A clock that is put right by a second every hour, back each time, stops no count.
func TestSmallCorrectionsOfTheClockDoNotKeepAKey(t *testing.T) {
	_, k := online(t)
	for n := range 7*24 - 1 {
		contact(t, k, start.Add(time.Duration(n+1)*time.Hour), 0)
		contact(t, k, start.Add(time.Duration(n+1)*time.Hour-time.Second), 0)
	}
	contact(t, k, start.Add(7*day), 1)
}

// A clock that was wrong by years does not stop the count when it is right again.
func TestCountBeginsAnewAfterAWrongClock(t *testing.T) {
	_, k := online(t)
	contact(t, k, start.Add(3650*day), 0) // counts a day
	contact(t, k, start.Add(time.Hour), 0)
	for n := range 6 {
		contact(t, k, start.Add(time.Duration(n+1)*day), 0)
	}
	contact(t, k, start.Add(7*day-time.Second), 0)
	contact(t, k, start.Add(7*day), 1)
}

// A rotation by a clock that went back gives no hour to be counted again.
func TestRenewalByAClockThatWentBackCountsNothingTwice(t *testing.T) {
	h, k := online(t)
	for range 20 {
		contact(t, k, start.Add(20*time.Hour), 0)
		h.rotate(k, nil, start.Add(10*time.Hour))
	}
	contact(t, k, start.Add(20*time.Hour), 0)
}

// However often the device is in contact, the time goes on: no server keeps a key alive by sending something all the time.
func TestFrequentContactDoesNotKeepAKey(t *testing.T) {
	_, k := online(t)
	const minutes = 7 * 24 * 60
	for n := range minutes - 1 {
		contact(t, k, start.Add(time.Duration(n+1)*time.Minute), 0)
	}
	contact(t, k, start.Add(minutes*time.Minute), 1)
}

// What was renewed while the device was off line counts from then, not from the last time on line.
func TestRenewalStartsTheCount(t *testing.T) {
	h, k := online(t)
	contact(t, k, start.Add(time.Hour), 0)
	h.rotate(k, nil, start.Add(20*day))
	for n := range 6 {
		contact(t, k, start.Add(time.Duration(21+n)*day), 0) // the older one has an hour more than that
	}
	contact(t, k, start.Add(27*day-time.Hour), 1)
	contact(t, k, start.Add(27*day), 1)
}
