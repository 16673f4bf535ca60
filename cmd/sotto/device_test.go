package main

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// A test of devices has two of alice's: phone, which founded the log, and laptop, which stands in no log yet.
type devices struct {
	cli
	dir, phone, laptop string
}

func newDevices(t testing.TB) *devices {
	t.Helper()
	dir := t.TempDir()
	d := &devices{cli{TB: t}, dir, filepath.Join(dir, "phone"), filepath.Join(dir, "laptop")}
	d.with("pw").ok(append([]string{"device", "new", d.phone, "--user", "alice"}, cheap...)...)
	d.ok(append([]string{"device", "new", d.laptop, "--user", "alice", "--log", d.phone}, cheap...)...)
	return d
}

func (d *devices) log(dir string) string    { return filepath.Join(dir, logFile) }
func (d *devices) record(dir string) string { return filepath.Join(dir, recordFile) }

// add has the phone add the laptop, and the laptop get the log.
func (d *devices) add() (stdout string) {
	d.Helper()
	stdout = d.with("pw").ok("device", "add", d.phone, d.record(d.laptop))
	write(d, d.log(d.laptop), read(d, d.log(d.phone)))
	return stdout
}

// entries are those of a device's log file.
func (d *devices) entries(dir string) [][]byte {
	d.Helper()
	entries, err := readLog(dir, nil)
	if err != nil {
		d.Fatal(err)
	}
	return entries
}

// open opens the folder of a device.
func (d *devices) open(dir string) *deviceFolder {
	d.Helper()
	cmd := deviceCommand()
	cmd.SetContext(d.Context())
	cmd.SetIn(strings.NewReader("pw"))
	folder, err := openDevice(cmd, dir, "-")
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(folder.destroy)
	return folder
}

// state is what the device in a folder knows. Its keys sign whatever the commands would refuse to.
func (d *devices) state(dir string) (s *state) {
	d.Helper()
	folder := d.open(dir)
	err := folder.db.View(d.Context(), func(tx *store.Tx) (err error) {
		s, err = folder.load(tx)
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// serve puts another log into a device's folder.
func (d *devices) serve(dir string, entries ...[]byte) {
	d.Helper()
	write(d, d.log(dir), logBytes(entries))
}

func TestDeviceIsMadeShownAndAdded(t *testing.T) {
	d := newDevices(t)
	if phone := names(t, d.phone); phone != "lockbox log.cbor store.db" {
		t.Errorf("the phone has %s", phone)
	}
	if laptop := names(t, d.laptop); laptop != "lockbox log.cbor record.cbor store.db" {
		t.Errorf("the laptop has %s", laptop)
	}
	phone, laptop := d.with("pw").ok("device", "show", d.phone), d.ok("device", "show", d.laptop)
	for _, c := range []struct{ stdout, name, want string }{
		{phone, "user", "alice"}, {phone, "suite", "2, X25519 and X-Wing"}, {phone, "log", "active, 1 in all"},
		{phone, "pending", "nothing"}, {laptop, "user", "alice"}, {laptop, "log", "not in it yet"}, {laptop, "pending", "nothing"},
	} {
		if got := field(t, c.stdout, c.name); got != c.want {
			t.Errorf("%s is %q, want %q", c.name, got, c.want)
		}
	}
	if m := field(t, phone, "messaging"); !strings.HasSuffix(m, ", generation 0, age 0 days") {
		t.Errorf("messaging key %q", m)
	}
	if field(t, phone, "device") == field(t, laptop, "device") || field(t, phone, "cert") == field(t, laptop, "cert") {
		t.Error("two devices in one")
	}
	added := d.add()
	for _, name := range []string{"user", "device", "cert", "suite", "created"} {
		if field(t, added, name) != field(t, laptop, name) {
			t.Errorf("another %s was added:\n%s", name, added)
		}
	}
	for _, dir := range []string{d.phone, d.laptop} {
		if got := field(t, d.ok("device", "show", dir), "log"); got != "active, 2 in all" {
			t.Errorf("log: %s", got)
		}
	}
	before := read(t, d.log(d.phone))
	if again := d.add(); again != added || string(read(t, d.log(d.phone))) != string(before) {
		t.Errorf("added a second time:\n%s", again)
	}
}

func TestShowTellsRenewedMessagingKeys(t *testing.T) {
	d := newDevices(t)
	s := d.state(d.phone)
	if _, err := s.keys.Rotate(s.log, nil, time.Now().Add(-50*time.Hour)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.show(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	ids := s.keys.KeyIDs()
	for _, want := range []string{
		"messaging  " + ids[0].String() + ", generation 1, age 2 days\n",
		"messaging  " + ids[1].String() + ", kept to open what was sealed to it\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestNewDeviceTakesTheRecoveryKeyForLogAndLockbox(t *testing.T) {
	c := &cli{TB: t}
	dir := filepath.Join(t.TempDir(), "phone")
	made := c.with("pw").ok(append([]string{"device", "new", dir, "--user", "alice", "--recovery"}, cheap...)...)
	c.with(printedKey(t, made)).ok(owned("open", filepath.Join(dir, boxFile), "--by-recovery")...)
	if listed := c.with().ok("device", "log", dir); !strings.Contains(listed, "sets recovery key ") {
		t.Errorf("listed:\n%s", listed)
	}
}

func TestDeviceOpensByItsChangedPassword(t *testing.T) {
	d := newDevices(t)
	d.with("pw", "new").ok(owned("passwd", filepath.Join(d.phone, boxFile), cheap...)...)
	d.with("new").ok("device", "show", d.phone)
	d.with("pw").refused(fault.WrongSecret, "device", "show", d.phone)
}

func TestDeviceCommandsPrintNoSecret(t *testing.T) {
	d := newDevices(t)
	const password = "the password of the tablet"
	tablet := filepath.Join(d.dir, "tablet")
	d.with(password).ok(append([]string{"device", "new", tablet, "--user", "alice", "--log", d.phone}, cheap...)...)
	d.ok("device", "show", tablet)
	d.add()
	d.with("guess of "+password).refused(fault.WrongSecret, "device", "show", tablet)
	d.with("pw").ok("device", "show", d.phone)
	b, err := d.state(d.phone).keys.ExportSecretState()
	if err != nil {
		t.Fatal(err)
	}
	public := string(read(t, d.log(d.phone)))
	all := d.printed.String()
	if strings.Contains(all, password) {
		t.Errorf("the password was printed:\n%s", all)
	}
	shown := 0
	for i := range b[:len(b)-8] {
		part := b[i : i+8]
		switch {
		case !strings.Contains(all, hex.EncodeToString(part)) && !strings.Contains(all, string(part)):
		case strings.Contains(public, string(part)): // of the record, which is in the log: its device ID
			shown++
		default:
			t.Errorf("bytes %d to %d of the state were printed", i, i+8)
		}
	}
	if shown == 0 {
		t.Error("what was printed is not found")
	}
}
