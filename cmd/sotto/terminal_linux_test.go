package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// keyboard is the other side of a terminal.
type keyboard struct {
	testing.TB
	master, terminal *os.File
}

func newKeyboard(t testing.TB) *keyboard {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err) // a sandbox without terminals
	}
	if err != nil {
		t.Fatal(err)
	}
	k := &keyboard{TB: t, master: master}
	t.Cleanup(func() { master.Close() }) // which ends a read that an interrupt left behind
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if k.terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return k
}

// shows reports whether the terminal shows what is typed.
func (k *keyboard) shows() bool {
	k.Helper()
	state, err := unix.IoctlGetTermios(int(k.terminal.Fd()), unix.TCGETS)
	if err != nil {
		k.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// asked waits until the terminal hides what is typed.
func (k *keyboard) asked() {
	k.Helper()
	for range 10_000_000 {
		if !k.shows() {
			return
		}
		runtime.Gosched()
	}
	k.Fatal("nothing was asked for")
}

// session runs the program at the terminal, does what is to be done once it asks, and returns what became visible.
func (k *keyboard) session(ctx context.Context, once func(), args ...string) (code int, visible string) {
	k.Helper()
	var out bytes.Buffer
	done := make(chan int)
	go func() { done <- run(ctx, args, k.terminal, &out, &out) }()
	k.asked()
	once()
	code = <-done
	if !k.shows() {
		k.Error("the terminal goes on hiding what is typed")
	}
	return code, out.String()
}

// echoed closes the terminal and returns what it has shown.
func (k *keyboard) echoed() string {
	k.Helper()
	k.terminal.Close()
	b, _ := io.ReadAll(k.master) // until the terminal is gone, which is an error
	return string(b)
}

func (k *keyboard) types(s string) func() {
	return func() {
		if _, err := k.master.WriteString(s); err != nil {
			k.Error(err)
		}
	}
}

func TestTerminalShowsNoSecret(t *testing.T) {
	k := newKeyboard(t)
	path := filepath.Join(t.TempDir(), "box")
	code, visible := k.session(t.Context(), k.types("typed\ntyped\n"), owned("new", path, cheap...)...)
	if code != 0 || !strings.HasPrefix(visible, "new password: \nnew password once more: \nlockbox ") {
		t.Errorf("exit code %d, visible:\n%s", code, visible)
	}
	code, visible = k.session(t.Context(), k.types("typed\n"), owned("open", path)...)
	if code != 0 || !strings.HasPrefix(visible, "password: \nopened by ") {
		t.Errorf("exit code %d, visible:\n%s", code, visible)
	}
	if shown := k.echoed(); strings.Contains(shown, "typed") {
		t.Errorf("the terminal has shown %q", shown)
	}
}

func TestNewPasswordIsTypedTheSameTwice(t *testing.T) {
	k := newKeyboard(t)
	path := filepath.Join(t.TempDir(), "box")
	code, visible := k.session(t.Context(), k.types("typed\ntipped\n"), owned("new", path, cheap...)...)
	if code != 1 || !strings.Contains(visible, "differently") || names(t, filepath.Dir(path)) != "" {
		t.Errorf("exit code %d, visible:\n%s", code, visible)
	}
}

func TestInterruptGivesTheTerminalBack(t *testing.T) {
	k := newKeyboard(t)
	ctx, interrupt := context.WithCancel(t.Context())
	code, visible := k.session(ctx, interrupt, owned("new", filepath.Join(t.TempDir(), "box"))...)
	if code != 1 || !strings.Contains(visible, "cancelled") {
		t.Errorf("exit code %d, visible:\n%s", code, visible)
	}
}
