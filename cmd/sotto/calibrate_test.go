package main

import (
	"strings"
	"testing"
	"time"
)

func TestCalibrateStaysWithinTheMemory(t *testing.T) {
	code, stdout, stderr := runSotto(t, nil, "mk", "calibrate", "--target", "1ms", "--memory", "8192")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{
		"mk.Params{Time: 2, MemoryKiB: 8192, Threads: 1}", "8.0 MiB", "(target 1ms)\nwarning   over twice",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
}

func TestCalibrateTakesTheMaximumForMoreMemory(t *testing.T) {
	code, stdout, stderr := runSotto(t, nil, "mk", "calibrate", "--target", "1ms", "--memory", "1048577")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "params ") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
}

func TestCalibrateWarnsFarFromTheTarget(t *testing.T) {
	const target = 100 * time.Millisecond
	for took, want := range map[time.Duration]string{
		0: "under half", 49 * time.Millisecond: "under half", 50 * time.Millisecond: "", target: "",
		200 * time.Millisecond: "", 201 * time.Millisecond: "over twice",
	} {
		if got := warning(took, target); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%v: %q", took, got)
		}
	}
}
