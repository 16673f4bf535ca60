package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
)

// owned are the arguments of a command on a lockbox of alice's.
func owned(command, path string, more ...string) []string {
	return append([]string{"lockbox", command, path, "--owner", "alice"}, more...)
}

// newBox makes a lockbox for the password "old", and returns its path and the id of its root key.
func newBox(t testing.TB, c *cli, more ...string) (path, root string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "box")
	stdout := c.with("old").ok(owned("new", path, append(slices.Clone(cheap), more...)...)...)
	return path, field(t, stdout, "root")
}

func TestLockboxOpensByWhatItWasMadeFor(t *testing.T) {
	for name, flags := range map[string][]string{
		"password, Argon2id: memory 8.0 MiB, passes 1": cheap,
		"password, PBKDF2: iterations 100000":          {"--pbkdf2", "100000"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cli{TB: t}
			path := filepath.Join(t.TempDir(), "box")
			made := c.with("old").ok(owned("new", path, append(slices.Clone(flags), "--recovery")...)...)
			if field(t, made, "slot 0") != name || field(t, made, "slot 1") != "recovery key" {
				t.Errorf("made:\n%s", made)
			}
			opened := c.with("old").ok(owned("open", path)...)
			if field(t, opened, "opened by") != "slot 0, "+name || field(t, opened, "root") != field(t, made, "root") {
				t.Errorf("opened:\n%s", opened)
			}
			typed := strings.ToLower(strings.ReplaceAll(printedKey(t, made), "-", " "))
			opened = c.with(typed).ok(owned("open", path, "--by-recovery")...)
			if field(t, opened, "opened by") != "slot 1, recovery key" || field(t, opened, "root") != field(t, made, "root") {
				t.Errorf("opened:\n%s", opened)
			}
			slots := c.with().ok(owned("slots", path)...)
			if field(t, slots, "slot 0") != name || strings.Contains(slots, "root") {
				t.Errorf("slots:\n%s", slots)
			}
		})
	}
}

func TestWrongPasswordIsToldFromDamage(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	c.with("guess").refused(fault.WrongSecret, owned("open", path)...)
	whole := read(t, path)
	for _, i := range []int{0, len(whole) / 2, len(whole) - 1} {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		write(t, path, flipped)
		c.with("old").refused(fault.Damaged, owned("open", path)...)
	}
	write(t, path, whole[:len(whole)-1])
	c.with("old").refused(fault.Damaged, owned("open", path)...)
}

// There is no terminal and no file of secrets: whoever came as far as asking would say so.
func TestDamageIsToldBeforeASecretIsAskedFor(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	c.secrets = nil
	c.refused(fault.Damaged, "lockbox", "open", path, "--owner", "bob")
	write(t, path, append(read(t, path), 0))
	for _, command := range []string{"open", "slots", "passwd", "add", "recovery"} {
		c.refused(fault.Damaged, owned(command, path)...)
	}
	write(t, path, nil)
	c.refused(fault.Malformed, owned("open", path)...)
}

func TestNewLockboxOverwritesNothing(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	untouched(t, path)
	c.secrets = nil // it is told before a secret is asked for
	if code, stdout, stderr := c.run(owned("new", path)...); code != 1 || stdout != "" || !strings.Contains(stderr, "exists") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestNewLockboxIsNotThereAfterAFailure(t *testing.T) {
	c := &cli{TB: t}
	path := filepath.Join(t.TempDir(), "box")
	for _, password := range []string{"", "a\tb", "\xff", strings.Repeat("a", 4097)} {
		want := fault.Malformed
		if len(password) > 4096 {
			want = fault.OverLimit
		}
		c.with(password).refused(want, owned("new", path, "--recovery")...)
	}
	c.with().refused(fault.Malformed, owned("new", path, "--secrets", "-")...)
	if names(t, filepath.Dir(path)) != "" {
		t.Errorf("left behind: %s", names(t, filepath.Dir(path)))
	}
}

func TestMistypedRecoveryKeyIsAnsweredWithTheGroup(t *testing.T) {
	c := &cli{TB: t}
	path := filepath.Join(t.TempDir(), "box")
	groups := strings.Split(printedKey(t, c.with("old").ok(owned("new", path, append(cheap, "--recovery")...)...)), "-")
	untouched(t, path)
	for i, group := range groups {
		typed := slices.Clone(groups)
		typed[i] = "U" + group[1:] // which is no character of a key
		stderr := c.with(strings.Join(typed, "-")).refused(0, owned("open", path, "--by-recovery")...)
		if !strings.Contains(stderr, "group "+strconv.Itoa(i+1)+" of 13") || strings.Contains(stderr, group[1:]) {
			t.Errorf("group %d is wrong: %q", i+1, stderr)
		}
	}
	another := printedKey(t, c.with("old").ok(owned("new", path+"2", append(cheap, "--recovery")...)...))
	c.with(another).refused(fault.WrongSecret, owned("open", path, "--by-recovery")...)
	if err := os.Remove(path + "2"); err != nil {
		t.Fatal(err)
	}
}

func TestPasswdKeepsTheRootAndShutsOutTheOldPassword(t *testing.T) {
	c := &cli{TB: t}
	path, root := newBox(t, c)
	printed := printedKey(t, c.with("old").ok(owned("recovery", path)...))
	copied := path + ".old"
	write(t, copied, read(t, path))
	for _, flags := range [][]string{cheap, {"--pbkdf2", "100000"}} {
		stdout := c.with("old", "new").ok(owned("passwd", path, flags...)...)
		if field(t, stdout, "root") != root || !strings.Contains(stdout, "old copies") {
			t.Errorf("changed:\n%s", stdout)
		}
		c.with("old").refused(fault.WrongSecret, owned("open", path)...)
		for _, opened := range []string{
			c.with("new").ok(owned("open", path)...), c.with(printed).ok(owned("open", path, "--by-recovery")...),
			c.with("old").ok(owned("open", copied)...), // as passwd says
		} {
			if field(t, opened, "root") != root {
				t.Errorf("opened:\n%s", opened)
			}
		}
		c.with("new", "old").ok(owned("passwd", path, cheap...)...)
	}
	c.with("old", "old").ok(owned("passwd", path, cheap...)...)
	c.with("old").ok(owned("open", path)...)
}

// One password may have slots of both kinds, and several of one.
func TestPasswdReplacesEverySlotOfTheOldPassword(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	c.with("old", "old").ok(owned("add", path, "--pbkdf2", "100000")...)
	c.with("old", "another").ok(owned("add", path, cheap...)...)
	c.with("old", "old").ok(owned("add", path, cheap...)...)
	stdout := c.with("old", "new").ok(owned("passwd", path, cheap...)...)
	if strings.Count(stdout, "\nslot ") != 2 {
		t.Errorf("changed:\n%s", stdout)
	}
	c.with("old").refused(fault.WrongSecret, owned("open", path)...)
	c.with("another").ok(owned("open", path)...)
	c.with("new").ok(owned("open", path)...)
}

func TestOpenNamesTheSlot(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	c.with("old", "second").ok(owned("add", path, "--pbkdf2", "100000")...)
	c.with("old", "third").ok(owned("add", path, cheap...)...)
	for password, want := range map[string]string{"old": "slot 0,", "second": "slot 1,", "third": "slot 2,"} {
		stdout := c.with(password).ok(owned("open", path)...)
		if got := field(t, stdout, "opened by"); !strings.HasPrefix(got, want) || strings.Count(stdout, "opened by") != 1 {
			t.Errorf("%s opens\n%s", password, stdout)
		}
	}
}

func TestForgottenPasswordIsReplacedByWayOfTheRecoveryKey(t *testing.T) {
	c := &cli{TB: t}
	path := filepath.Join(t.TempDir(), "box")
	printed := printedKey(t, c.with("forgotten").ok(owned("new", path, append(cheap, "--recovery")...)...))
	c.with(printed, "new").ok(owned("add", path, append(cheap, "--by-recovery")...)...)
	c.with("new").ok(owned("open", path)...)
	next := printedKey(t, c.with(printed).ok(owned("recovery", path, "--by-recovery")...))
	if next == printed {
		t.Error("the same recovery key a second time")
	}
	c.with(next).ok(owned("open", path, "--by-recovery")...)
}

func TestFailedChangeLeavesTheLockbox(t *testing.T) {
	c := &cli{TB: t}
	path, _ := newBox(t, c)
	full := path + ".full"
	write(t, full, read(t, path))
	for range lockbox.MaxSlots - 1 {
		c.with("old").ok(owned("recovery", full)...)
	}
	untouched(t, path, full)
	for _, command := range []string{"passwd", "add", "recovery"} {
		c.with("guess", "new").refused(fault.WrongSecret, owned(command, path)...)
		c.with("").refused(fault.Malformed, owned(command, path)...)
	}
	for _, command := range []string{"passwd", "add"} {
		c.with("old", "").refused(fault.Malformed, owned(command, path)...)
		c.with("old", "a\x00b").refused(fault.Malformed, owned(command, path)...)
		c.with("old").refused(fault.Malformed, owned(command, path)...) // and no line for the new one
	}
	c.with("old", "new").refused(fault.OverLimit, owned("add", full, cheap...)...)
	c.with("old").refused(fault.OverLimit, owned("recovery", full)...)
	c.with("recovery").refused(0, owned("add", path, "--by-recovery")...)
}

func TestLockboxCommandsPrintNoSecret(t *testing.T) {
	c := &cli{TB: t}
	path := filepath.Join(t.TempDir(), "box")
	const first, second, third = "first password", "second password", "third password"
	printed := printedKey(t, c.with(first).ok(owned("new", path, append(cheap, "--recovery")...)...))
	c.printed.Reset() // the recovery key is in it, on purpose
	c.with(first, second).ok(owned("passwd", path, cheap...)...)
	c.with(second, third).ok(owned("add", path, cheap...)...)
	c.with(printed, third).ok(owned("add", path, append(cheap, "--by-recovery")...)...)
	c.with(third).ok(owned("open", path)...)
	c.with(first).refused(fault.WrongSecret, owned("open", path)...)
	c.with(first).refused(0, owned("open", path, "--by-recovery")...)
	c.with(printed).ok(owned("open", path, "--by-recovery")...)
	c.with("a\x00"+first).refused(fault.Malformed, owned("open", path)...)

	box, err := lockbox.Parse(read(t, path), []byte("alice"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := box.Open(t.Context(), lockbox.Password([]byte(second), mk.Params{}))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := root.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	all := c.printed.String()
	for _, s := range []string{
		first, second, third, printed[:11], string(secret[:4]), hex.EncodeToString(secret[:4]),
		base64.StdEncoding.EncodeToString(secret[:6]),
	} {
		if strings.Contains(all, s) {
			t.Errorf("%q was printed:\n%s", s, all)
		}
	}
}

func TestNothingIsWrittenThatDoesNotOpen(t *testing.T) {
	set, other := lockbox.PBKDF2Password([]byte("set"), lockbox.MinRounds), lockbox.PBKDF2Password([]byte("other"), 0)
	box, root, err := lockbox.New(t.Context(), []byte("alice"), set)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := proved(t.Context(), box, "alice", root, set); err != nil || !bytes.Equal(b, box.Bytes()) {
		t.Error(err)
	}
	_, err = proved(t.Context(), box, "alice", root, other)
	wantFault(t, err, fault.WrongSecret)
	_, err = proved(t.Context(), box, "bob", root, set)
	wantFault(t, err, fault.Damaged)
	root.Destroy()
	_, err = proved(t.Context(), box, "alice", root, set)
	wantFault(t, err, fault.Damaged)
}

// A recovery key that nobody saw opens what it should not.
func TestUnprintedRecoveryKeyIsAnError(t *testing.T) {
	k := newRecoveryKey(true)
	if err := k.print(full{}, "FILE", "NAME"); err == nil || recoveryKeyForm.MatchString(err.Error()) {
		t.Errorf("nothing was printed: %v", err)
	}
}

// full is an output that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestPasswdKeepsTheCosts(t *testing.T) {
	c := &cli{TB: t}
	dir := t.TempDir()
	for name, costs := range map[string][]string{
		"argon2": {"--memory", "20480", "--time", "3"}, "pbkdf2": {"--pbkdf2", "700000"},
	} {
		path := filepath.Join(dir, name)
		made := c.with("old").ok(owned("new", path, costs...)...)
		changed := c.with("old", "new").ok(owned("passwd", path)...)
		if field(t, changed, "slot 0") != field(t, made, "slot 0") {
			t.Errorf("costs changed:\n%s%s", made, changed)
		}
	}
	weak := filepath.Join(dir, "weak") // never below the default, unless asked for
	c.with("old").ok(owned("new", weak, cheap...)...)
	changed := c.with("old", "new").ok(owned("passwd", weak)...)
	if want := "memory 19.0 MiB, passes 2"; !strings.Contains(changed, want) {
		t.Errorf("no %q in:\n%s", want, changed)
	}
}

func TestRemoveTakesOutOneSlotAndNeverTheLast(t *testing.T) {
	c := &cli{TB: t}
	path := filepath.Join(t.TempDir(), "box")
	printed := printedKey(t, c.with("old").ok(owned("new", path, append(slices.Clone(cheap), "--recovery")...)...))
	for _, slot := range []string{"-1", "2", "x"} {
		if code, _, _ := c.with("old").run(owned("remove", path, "--slot", slot)...); code != 2 {
			t.Errorf("slot %s: exit code %d", slot, code)
		}
	}
	c.with("other").refused(fault.WrongSecret, owned("remove", path, "--slot", "0")...)
	c.with(printed).ok(owned("remove", path, "--slot", "0", "--by-recovery")...)
	c.with("old").refused(fault.WrongSecret, owned("open", path)...)
	c.with(printed).ok(owned("open", path, "--by-recovery")...)
	if code, _, _ := c.with(printed).run(owned("remove", path, "--slot", "0", "--by-recovery")...); code != 2 {
		t.Errorf("the last slot: exit code %d", code)
	}
}

func TestUnknownCommandIsNamed(t *testing.T) {
	c := &cli{TB: t}
	for _, args := range [][]string{{"lockbox", "frobnicate", "--owner", "alice"}, {"device", "frobnicate"}, {"device", "frobnicate", "--user", "x"}} {
		code, _, stderr := c.run(args...)
		if code != 2 || !strings.Contains(stderr, `no command "frobnicate"`) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}
