//go:build linux

package boltstore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store/boltstore"
)

const playFull = "SOTTO_TEST_FULL_DISK"

// A full disk is played by a limit on the size of files, which is one of the process: so a process of its own plays.
func TestAFullDiskIsStoreFailedAndLosesNothing(t *testing.T) {
	if os.Getenv(playFull) == "" {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		player := exec.CommandContext(t.Context(), program, "-test.run=^TestAFullDiskIsStoreFailedAndLosesNothing$")
		player.Env = append(os.Environ(), playFull+"=1")
		if output, err := player.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "store")
	s := boltstore.New(path)
	if err := s.Commit(t.Context(), batch(0, 10)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	limited(t, syscall.RLIMIT_FSIZE, uint64(info.Size()), func() {
		wantFault(t, s.Commit(t.Context(), batch(1, 1000)), fault.StoreFailed)
		if n, err := s.Generation(t.Context()); n != 1 || err != nil {
			t.Errorf("generation %d, %v", n, err)
		}
	})
	all, err := s.Scan(t.Context(), nil, nil, 2000)
	if err != nil || len(all) != 10 {
		t.Errorf("%d entries, %v", len(all), err)
	}
	if err := s.Commit(t.Context(), batch(1, 1000)); err != nil {
		t.Errorf("after there was room again: %v", err)
	}
}

func TestWithoutFileHandlesItIsStoreFailed(t *testing.T) {
	s := boltstore.New(filepath.Join(t.TempDir(), "store"))
	if err := s.Commit(t.Context(), batch(0, 10)); err != nil {
		t.Fatal(err)
	}
	limited(t, syscall.RLIMIT_NOFILE, 0, func() {
		_, err := s.Generation(t.Context())
		wantFault(t, err, fault.StoreFailed)
	})
}

// limited runs f while this process may have no more than n of a resource.
func limited(t *testing.T, resource int, n uint64, f func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(resource, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(resource, &old); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}
