package main

import (
	"strings"
	"testing"
)

func TestCalibrateStaysWithinTheMemory(t *testing.T) {
	code, stdout, stderr := sotto(t, nil, "mk", "calibrate", "--target", "1ms", "--memory", "8192")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"mk.Params{Time: 1, MemoryKiB: 8192, Threads: 1}", "8.0 MiB", "(target 1ms)"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
}
