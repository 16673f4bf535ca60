package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
)

// written is a log that a test writes with the keys of its devices.
type written struct {
	testing.TB
	entries [][]byte
	log     *device.Log
}

func logOf(t testing.TB, entries ...[]byte) *written {
	t.Helper()
	user, err := logUser(entries)
	if err != nil {
		t.Fatal(err)
	}
	l, err := device.Verify(user, entries)
	if err != nil {
		t.Fatal(err)
	}
	return &written{t, slices.Clone(entries), l}
}

// foundedBy is the log that a device begins.
func foundedBy(t testing.TB, k *device.Keys, r *recovery.Key) *written {
	t.Helper()
	entry, err := k.Found(r, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := logOf(t, entry)
	w.settle(k)
	return w
}

func newKeys(t testing.TB, user string) *device.Keys {
	t.Helper()
	k, err := device.Generate(user, device.Classical, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *written) put(entry []byte, err error) {
	w.Helper()
	if err == nil {
		w.log, err = w.log.Extend([][]byte{entry})
	}
	if err != nil {
		w.Fatal(err)
	}
	w.entries = append(w.entries, entry)
}

func (w *written) settle(k *device.Keys) {
	w.Helper()
	if _, err := k.Settle(w.log); err != nil {
		w.Fatal(err)
	}
}

func (w *written) add(by *device.Keys, r *device.Record) {
	w.Helper()
	w.put(w.log.Add(by, r, time.Now()))
	w.settle(by)
}

// file is a file of the log.
func (w *written) file() string {
	w.Helper()
	path := filepath.Join(w.TempDir(), logFile)
	write(w, path, logBytes(w.entries))
	return path
}

func TestLogListsEveryOperation(t *testing.T) {
	phone, laptop, next := newKeys(t, "alice"), newKeys(t, "alice"), newKeys(t, "alice")
	first, second := recovery.Generate(), recovery.Generate()
	old := laptop.Record().ID()
	w := foundedBy(t, phone, first)
	w.add(phone, laptop.Record())
	w.put(w.log.Update(laptop, device.Hybrid, time.Now()))
	w.settle(laptop)
	w.put(w.log.Revoke(laptop, phone.Record().ID(), time.Now()))
	w.settle(laptop)
	w.put(w.log.SetRecovery(laptop, first, second, time.Now()))
	w.put(w.log.Recover(next, second, nil, time.Now()))

	p, l, n := phone.Record().ID().String(), old.String(), next.Record().ID().String()
	c := &cli{TB: t}
	stdout := c.ok("device", "log", w.file())
	if field(t, stdout, "user") != "alice, as the log says" {
		t.Errorf("listed:\n%s", stdout)
	}
	set := map[string][]string{} // recovery keys by the entry that sets them
	var rows [][]string
	for line := range strings.Lines(stdout) {
		columns := strings.Fields(line)
		switch {
		case len(columns) == 0:
		case columns[0] == "sets":
			set[rows[len(rows)-1][0]] = columns[1:]
		case columns[0] >= "0" && columns[0] <= "9":
			rows = append(rows, columns[:len(columns)-1])
			if _, err := time.Parse(time.RFC3339, columns[len(columns)-1]); err != nil {
				t.Error(err)
			}
		}
	}
	if len(set["0"]) != 3 || len(set["4"]) != 3 || set["0"][2] == set["4"][2] || len(set) != 2 {
		t.Fatalf("recovery keys %v in:\n%s", set, stdout)
	}
	for i, want := range [][]string{
		{"root", p, p}, {"add", p, l}, {"update", l, l}, {"revoke", l, p}, append([]string{"set-recovery"}, set["0"]...),
		append(append([]string{"recover"}, set["4"]...), n),
	} {
		if want = append([]string{strconv.Itoa(i)}, want...); i >= len(rows) || !slices.Equal(rows[i], want) {
			t.Errorf("no entry %v in:\n%s", want, stdout)
		}
	}
}

func TestLogIsReadFromFolderFileAndStdin(t *testing.T) {
	w := foundedBy(t, newKeys(t, "alice"), nil)
	path := w.file()
	want := (&cli{TB: t}).ok("device", "log", path)
	if got := (&cli{TB: t}).ok("device", "log", filepath.Dir(path)); got != want {
		t.Errorf("of the folder:\n%s", got)
	}
	if code, got, stderr := runSotto(t, logBytes(w.entries), "device", "log", "-"); code != 0 || got != want {
		t.Errorf("of stdin: exit code %d, stderr %q:\n%s", code, stderr, got)
	}
}

func TestLogEscapesWhatATerminalActsUpon(t *testing.T) {
	w := foundedBy(t, newKeys(t, "a\u202eb"), nil)
	path := w.file()
	for _, args := range [][]string{{"log", path}, {"verify", path, "--user", "a\u202eb"}} {
		if stdout := (&cli{TB: t}).ok(append([]string{"device"}, args...)...); !plainText(stdout) {
			t.Errorf("%v printed %q", args, stdout)
		}
	}
}

func TestBrokenLogIsRefused(t *testing.T) {
	phone := newKeys(t, "alice")
	w := foundedBy(t, phone, nil)
	w.add(phone, newKeys(t, "alice").Record())
	c := &cli{TB: t}
	path := w.file()
	whole := read(t, path)
	second := len(w.entries[0])
	for name, b := range map[string]struct {
		log  []byte
		want fault.Code
	}{
		"empty":              {nil, fault.Malformed},
		"cut":                {whole[:len(whole)-1], fault.Malformed},
		"trailing byte":      {append(bytes.Clone(whole), 0), fault.Malformed},
		"signature flipped":  {append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), fault.UntrustedSigner},
		"entry twice":        {append(bytes.Clone(whole), whole[second:]...), fault.Malformed},
		"first entry gone":   {whole[second:], fault.TooFarAhead},
		"no log":             {[]byte("hello, world"), fault.Malformed},
		"user with a line":   {bytes.Replace(whole, []byte("alice"), []byte("al\nce"), 1), fault.Malformed},
		"a bomb":             {[]byte("\x9b\x00\x00\x00\x00\xff\xff\xff\xff"), fault.Malformed},
		"more than the most": {bytes.Repeat([]byte{0}, device.MaxEntries+1), fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, b.log)
			c.refused(b.want, "device", "log", path)
		})
	}
}

func TestVerifyTellsHowALogRelatesToItsPin(t *testing.T) {
	phone, laptop := newKeys(t, "alice"), newKeys(t, "alice")
	w := foundedBy(t, phone, nil)
	c := &cli{TB: t}
	pinned := func(w *written) string {
		t.Helper()
		return field(t, c.ok("device", "verify", w.file(), "--user", "alice"), "pin")
	}
	root := pinned(w)
	w.add(phone, laptop.Record())
	second := logOf(t, w.entries...)
	w.add(phone, newKeys(t, "alice").Record())
	second.add(laptop, newKeys(t, "alice").Record())
	other := foundedBy(t, newKeys(t, "alice"), nil)

	path := w.file()
	stdout := c.ok("device", "verify", path, "--user", "alice")
	if got := w.log.Pin().String(); field(t, stdout, "pin") != got || field(t, stdout, "anchor") != w.log.Anchor().String() {
		t.Errorf("not the pin %s in:\n%s", got, stdout)
	}
	if strings.Count(stdout, "\ndevice ") != 3 || !strings.Contains(stdout, "No pin") {
		t.Errorf("verified:\n%s", stdout)
	}
	for pin, want := range map[string]string{pinned(w): "The same as the pin.\n", root: "Extends the pin by 2.\n"} {
		if stdout := c.ok("device", "verify", path, "--user", "alice", "--pin", pin); !strings.HasSuffix(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	for _, bad := range []struct {
		served, pinned *written
		want           fault.Code
	}{
		{second, w, fault.LogFork}, {logOf(t, w.entries[:2]...), w, fault.Rollback}, {other, w, fault.IdentityChanged},
		{w, other, fault.IdentityChanged},
	} {
		c.refused(bad.want, "device", "verify", bad.served.file(), "--user", "alice", "--pin", pinned(bad.pinned))
	}
	c.refused(fault.UntrustedSigner, "device", "verify", path, "--user", "bob")
}

func TestPinIsReadAsItIsPrinted(t *testing.T) {
	w := foundedBy(t, newKeys(t, "alice"), nil)
	text := w.log.Pin().String()
	if p, err := device.ParsePin(text); err != nil || p != w.log.Pin() {
		t.Errorf("read %v, %v", p, err)
	}
	for _, bad := range []string{
		"", text[1:], text[:len(text)-1], text + ":", "x" + text[1:], strings.Replace(text, ":0:", ":-1:", 1),
		strings.Replace(text, ":0:", "::", 1), strings.Replace(text, ":0:", ":18446744073709551616:", 1), text + "\n",
	} {
		_, err := device.ParsePin(bad)
		wantFault(t, err, fault.Malformed)
	}
}

func FuzzLogFile(f *testing.F) {
	phone, laptop := newKeys(f, "alice"), newKeys(f, "alice")
	r := recovery.Generate()
	w := foundedBy(f, phone, r)
	w.add(phone, laptop.Record())
	w.put(w.log.Revoke(phone, laptop.Record().ID(), time.Now()))
	w.put(w.log.Recover(newKeys(f, "alice"), r, recovery.Generate(), time.Now()))
	for n := range len(w.entries) + 1 {
		f.Add(logBytes(w.entries[:n]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := cutLog(b)
		if err != nil {
			faulttest.FromInput(t, err)
			return
		}
		if !bytes.Equal(logBytes(entries), b) {
			t.Error("the entries are not the file")
		}
		var out strings.Builder
		if err := listLog(&out, entries); err != nil {
			faulttest.FromInput(t, err)
			if out.Len() > 0 {
				t.Errorf("%q printed beside %v", out.String(), err)
			}
			return
		}
		if !plainText(out.String()) {
			t.Errorf("printed %q", out.String())
		}
	})
}
