package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

func TestNewDeviceOverwritesNothing(t *testing.T) {
	d := newDevices(t)
	empty, file := filepath.Join(d.dir, "empty"), filepath.Join(d.dir, "file")
	write(t, file, []byte("content"))
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	untouched(t, file, d.log(d.phone))
	d.secrets = nil // it is told before a secret is asked for
	for _, dir := range []string{d.phone, empty, file, d.dir + "/"} {
		code, stdout, stderr := d.run("device", "new", dir, "--user", "alice")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "exists") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", dir, code, stdout, stderr)
		}
	}
}

func TestNewDeviceIsNotThereAfterAFailure(t *testing.T) {
	d := newDevices(t)
	before := names(t, d.dir)
	dir := filepath.Join(d.dir, "tablet")
	d.with("").refused(fault.Malformed, "device", "new", dir, "--user", "alice")
	d.with("pw").refused(fault.UntrustedSigner, "device", "new", dir, "--user", "bob", "--log", d.log(d.phone))
	d.with("pw").refused(fault.Malformed, "device", "new", dir, "--user", "alice", "--log", d.record(d.laptop))
	if code, stdout, _ := d.run("device", "new", filepath.Join(dir, "none"), "--user", "alice"); code != 1 || stdout != "" {
		t.Errorf("in a folder that is not there: exit code %d, stdout %q", code, stdout)
	}
	if now := names(t, d.dir); now != before {
		t.Errorf("there was %s, and now %s", before, now)
	}
}

func TestAddRefusesRecordsOfOthers(t *testing.T) {
	d := newDevices(t)
	bobs := filepath.Join(d.dir, "bobs")
	write(t, bobs, newKeys(t, "bob").Record().Bytes())
	forged := filepath.Join(d.dir, "forged")
	record := read(t, d.record(d.laptop))
	record[len(record)-1] ^= 1
	write(t, forged, record)
	untouched(t, d.log(d.phone), bobs)
	d.with("pw").refused(fault.UntrustedSigner, "device", "add", d.phone, bobs)
	d.refused(fault.UntrustedSigner, "device", "add", d.phone, forged)
	d.refused(fault.Malformed, "device", "add", d.phone, d.log(d.phone))
	d.with("guess").refused(fault.WrongSecret, "device", "add", d.phone, d.record(d.laptop))
	d.with("pw").refused(fault.UntrustedSigner, "device", "add", d.laptop, d.record(d.laptop)) // it is not in the log
}

// The machine stops between the commit of an entry and its way into the log file.
func TestInterruptedAddPublishesTheSameEntry(t *testing.T) {
	d := newDevices(t)
	before := d.entries(d.phone)
	d.add()
	after := read(t, d.log(d.phone))
	d.serve(d.phone, before...)
	stdout := d.ok("device", "show", d.phone)
	if got := field(t, stdout, "pending"); !strings.HasPrefix(got, "entry 1, add: not in the log yet") {
		t.Errorf("pending: %s", got)
	}
	// Whatever comes next, that entry goes first.
	tablet := filepath.Join(d.dir, "tablet")
	d.ok(append([]string{"device", "new", tablet, "--user", "alice", "--log", d.phone}, cheap...)...)
	d.ok("device", "add", d.phone, d.record(tablet))
	now := read(t, d.log(d.phone))
	if !strings.HasPrefix(string(now), string(after)) || len(d.entries(d.phone)) != 3 {
		t.Error("another entry stands where the stored one belongs")
	}
}

// Nothing enters the log file whose commit reported failure; if it became durable all the same, the next add goes on.
func TestEntryIsStoredBeforeItLeaves(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			d := newDevices(t)
			untouched(t, d.log(d.phone))
			r, err := device.ParseRecord("alice", read(t, d.record(d.laptop)))
			if err != nil {
				t.Fatal(err)
			}
			box, err := readBox(filepath.Join(d.phone, boxFile), "alice")
			if err != nil {
				t.Fatal(err)
			}
			root, err := box.Open(t.Context(), lockbox.Password([]byte("pw"), mk.Params{}))
			if err != nil {
				t.Fatal(err)
			}
			b := powerCut{boltstore.New(filepath.Join(d.phone, storeFile)), durable}
			db, err := store.Open(t.Context(), b, root, deviceSchema)
			if err != nil {
				t.Fatal(err)
			}
			l, err := (&deviceFolder{d.phone, "alice", db}).add(t.Context(), r, time.Now())
			wantFault(t, err, fault.StoreFailed)
			if l != nil {
				t.Error("a log beside the error")
			}
			pending := field(t, d.with("pw").ok("device", "show", d.phone), "pending")
			if (pending != "nothing") != durable {
				t.Errorf("pending: %s", pending)
			}
		})
	}
}

// The log file is anybody's to write. What an attacker puts there, the device does not sign for.
func TestDeviceRefusesAnotherLogThanItsOwn(t *testing.T) {
	d := newDevices(t)
	d.add()
	for _, name := range []string{"tablet", "watch"} {
		dir := filepath.Join(d.dir, name)
		d.ok(append([]string{"device", "new", dir, "--user", "alice", "--log", d.phone}, cheap...)...)
		d.ok("device", "add", d.phone, d.record(dir))
	}
	whole := d.entries(d.phone)
	phone, laptop := d.state(d.phone), d.state(d.laptop)

	other := newKeys(t, "alice")
	takeover := foundedBy(t, other, nil)
	takeover.add(other, phone.keys.Record())
	takeover.add(other, laptop.keys.Record())
	takeover.add(other, newKeys(t, "alice").Record())
	fork := logOf(t, whole[:2]...)
	fork.add(laptop.keys, other.Record())
	fork.add(laptop.keys, newKeys(t, "alice").Record())
	broken := slices.Clone(whole)
	broken[2] = slices.Concat(broken[2][:len(broken[2])-1], []byte{broken[2][len(broken[2])-1] ^ 1})

	for name, c := range map[string]struct {
		entries [][]byte
		want    fault.Code
	}{
		"identity changed": {takeover.entries, fault.IdentityChanged},
		"rollback":         {whole[:2], fault.Rollback},
		"fork":             {fork.entries, fault.LogFork},
		"broken":           {broken, fault.UntrustedSigner},
		"no log":           {[][]byte{{0xf6}}, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			d := &devices{cli{TB: t}, d.dir, d.phone, d.laptop}
			d.serve(d.phone, c.entries...)
			untouched(t, d.log(d.phone))
			d.with("pw").refused(c.want, "device", "show", d.phone)
			d.refused(c.want, "device", "add", d.phone, d.record(d.laptop))
		})
	}
	d.serve(d.phone, whole...)
	d.ok("device", "show", d.phone)
}

func TestRevokedDeviceSaysSoAndAddsNothing(t *testing.T) {
	d := newDevices(t)
	d.add()
	phone, laptop := d.state(d.phone), d.state(d.laptop)
	l := logOf(t, phone.entries...)
	l.put(l.log.Revoke(phone.keys, laptop.keys.Record().ID(), time.Now()))
	d.serve(d.laptop, l.entries...)
	untouched(t, d.log(d.laptop))
	if got := field(t, d.ok("device", "show", d.laptop), "log"); got != "ended: the device was revoked" {
		t.Errorf("log: %s", got)
	}
	tablet := filepath.Join(d.dir, "tablet")
	d.ok(append([]string{"device", "new", tablet, "--user", "alice", "--log", d.phone}, cheap...)...)
	d.refused(fault.RevokedDevice, "device", "add", d.laptop, d.record(tablet))
}

func TestDamagedFolderIsTold(t *testing.T) {
	d := newDevices(t)
	box, db := filepath.Join(d.phone, boxFile), filepath.Join(d.phone, storeFile)
	wholeBox, wholeDB := read(t, box), read(t, db)

	write(t, db, read(t, filepath.Join(d.laptop, storeFile)))
	d.with("pw").refused(fault.WrongSecret, "device", "show", d.phone)
	write(t, db, wholeDB[:len(wholeDB)/2])
	d.refused(fault.Damaged, "device", "show", d.phone)
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	d.refused(fault.Damaged, "device", "show", d.phone)
	write(t, db, wholeDB)

	write(t, box, wholeBox[1:])
	d.secrets = nil // it is told before a secret is asked for
	d.refused(fault.Damaged, "device", "show", d.phone)
	write(t, box, wholeBox)
	d.with("pw").ok("device", "show", d.phone)
}
