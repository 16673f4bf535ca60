package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// A log file holds the entries of a device log as they were signed, one behind the other (a CBOR sequence, RFC 8742). It
// holds no secret and is handed around; what it says counts after device.Verify only.

// readLog reads a log file, or that of a device's folder, "-" for stdin.
func readLog(path string, stdin io.Reader) ([][]byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, logFile)
	}
	b, err := readInput(path, stdin)
	if err != nil {
		return nil, err
	}
	return cutLog(b)
}

// cutLog cuts the content of a log file into its entries.
func cutLog(b []byte) ([][]byte, error) {
	var entries [][]byte
	r := wire.NewReader(b)
	for r.Err() == nil && r.Offset() < len(b) {
		if len(entries) == device.MaxEntries {
			r.Fail("log file", "too many entries", fault.OverLimit)
			break
		}
		entries = append(entries, r.Raw("log file: entry "+strconv.Itoa(len(entries))))
	}
	return entries, r.Err()
}

// logBytes is the content of the log file of entries.
func logBytes(entries [][]byte) []byte { return slices.Concat(entries...) }

// checkPin reports whether a verified log is the one that was pinned, or follows it.
func checkPin(l *device.Log, p device.Pin) error {
	now := l.Pin()
	if now.Root != p.Root {
		return fmt.Errorf("the log has another root than the pin: %w", fault.IdentityChanged)
	}
	if now.Seq < p.Seq {
		return fmt.Errorf("the log ends at entry %d, the pin is at %d: %w", now.Seq, p.Seq, fault.Rollback)
	}
	then, err := l.At(p.Seq)
	if err != nil {
		return err
	}
	if then.Pin() != p {
		return fmt.Errorf("the log has another entry %d than the pin: %w", p.Seq, fault.LogFork)
	}
	return nil
}
