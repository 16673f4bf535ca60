package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/qr"
	"github.com/sottokit/sotto/link"
)

// typeDigits has the person read the digits on the new device, and type them into the other one.
func typeDigits(approve, join *side) {
	join.Helper()
	join.types("join the account alice? (yes/no)", "yes")
	approve.types("six digits (nothing to refuse)", join.prints("digits"))
}

// wantLinked waits for both ends, and holds them against each other.
func (l *links) wantLinked(approve, join *side, history string) {
	l.Helper()
	old, _ := approve.ends(0)
	new, _ := join.ends(0)
	for _, name := range []string{"user", "device", "cert", "suite", "created", "pin", "history"} {
		if one, other := field(l, old, name), field(l, new, name); one != other {
			l.Errorf("%s is %s on the old device, and %s on the new one", name, one, other)
		}
	}
	if got := field(l, new, "history"); got != history {
		l.Errorf("history %q, want %q", got, history)
	}
	if names := names(l, l.laptop); names != "lockbox log.cbor store.db" {
		l.Errorf("the laptop has %s", names)
	}
	if !bytes.Equal(read(l, l.log(l.laptop)), read(l, l.log(l.phone))) {
		l.Error("the laptop has another log")
	}
	for _, dir := range []string{l.phone, l.laptop} {
		shown := l.with("pw").ok("device", "show", dir)
		if field(l, shown, "log") != "active, 2 in all" || field(l, shown, "pending") != "nothing" {
			l.Errorf("%s:\n%s", dir, shown)
		}
	}
	if revoked, err := l.open(l.phone).abandon(l.Context(), l.time()); revoked != nil || err != nil {
		l.Errorf("a link that is done was not noted as done: %v, %v", revoked, err)
	}
}

func TestDeviceIsLinkedThroughEveryChannel(t *testing.T) {
	for name, through := range map[string]func(*links) *links{
		"folder": (*links).byFolder,
		"relay":  func(l *links) *links { return l.byRelay(time.Minute) },
	} {
		t.Run(name+", QR code", func(t *testing.T) {
			l := through(newLinks(t))
			approve := l.approve("--history", "nothing")
			join := l.join(approve.prints("content"))
			typeDigits(approve, join)
			l.wantLinked(approve, join, "nothing")
		})
		t.Run(name+", short code", func(t *testing.T) {
			l := through(newLinks(t))
			approve := l.approve("--history", "sessions", "--code")
			join := l.join(approve.prints("code"))
			typeDigits(approve, join)
			l.wantLinked(approve, join, "the keys of current sessions")
		})
	}
}

// What a person reads and types is not always what was printed.
func TestWhatIsShownIsTakenInEveryForm(t *testing.T) {
	for name, given := range map[string]func(l *links, content []byte) *side{
		"hex": func(l *links, content []byte) *side { return l.join(hex.EncodeToString(content)) },
		"typed": func(l *links, content []byte) *side {
			join := l.join()
			join.types("content of the QR code, or the short code", base64.StdEncoding.EncodeToString(content))
			return join
		},
		"scanned": func(l *links, content []byte) *side {
			path := filepath.Join(l.dir, "scanned")
			write(l, path, content)
			return l.join("--qr", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLinks(t).byFolder()
			approve := l.approve("--history", "vault=the old disk")
			content, err := base64.RawURLEncoding.DecodeString(approve.prints("content"))
			if err != nil {
				t.Fatal(err)
			}
			join := given(l, content)
			typeDigits(approve, join)
			l.wantLinked(approve, join, "the keys of current sessions, and the vault the old disk")
		})
	}
	t.Run("code in groups", func(t *testing.T) {
		l := newLinks(t).byFolder()
		approve := l.approve("--history", "nothing", "--code")
		plate, secret, _ := strings.Cut(approve.prints("code"), "-")
		join := l.join()
		join.types("content of the QR code, or the short code", plate+" - "+secret[:3]+" "+secret[3:6]+" "+secret[6:])
		typeDigits(approve, join)
		l.wantLinked(approve, join, "nothing")
	})
}

func TestApproveSaysWhoAsksForTheDigitsWantsTheMessages(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "sessions")
	join := l.join(approve.prints("content"))
	typeDigits(approve, join)
	l.wantLinked(approve, join, "the keys of current sessions")
	asked := approve.err.text()
	for _, want := range []string{
		"wants to join the account alice.\n", "what was before: the keys of current sessions.\n",
		"whoever asks you for this code wants your messages",
	} {
		if before, _, found := strings.Cut(asked, "six digits (nothing to refuse): "); !found || !strings.Contains(before, want) {
			t.Errorf("no %q before the digits are asked for:\n%s", want, asked)
		}
	}
	if out := approve.out.text(); strings.Contains(asked+out, field(t, join.out.text(), "digits")) {
		t.Errorf("the old device shows the digits:\n%s%s", out, asked)
	}
}

func TestMistypedDigitsUseNoTryUp(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "nothing")
	join := l.join(approve.prints("content"))
	join.types("join the account alice? (yes/no)", "yes")
	digits := join.prints("digits")
	approve.types("six digits (nothing to refuse)", digits[:5])
	approve.types("Six digits, as the new device shows them.\nsix digits (nothing to refuse)", digits[:3]+" "+digits[3:])
	l.wantLinked(approve, join, "nothing")
}

func TestLinkGoesOnAfterSomebodyElsesMessages(t *testing.T) {
	l := newLinks(t).byFolder()
	approve := l.approve("--history", "nothing")
	content := approve.prints("content")
	n := l.scan(content)
	stranger := l.scan(l.stolen(content))
	m1, err := stranger.Join(device.Classical, l.time())
	if err != nil {
		t.Fatal(err)
	}
	id, _ := n.Rendezvous()
	if err := folder(l.channel[1]).post(t.Context(), linkBox(id, newToOld), m1); err != nil {
		t.Fatal(err)
	}
	join := l.join(content)
	typeDigits(approve, join)
	l.wantLinked(approve, join, "nothing")
	if told := approve.err.text(); !strings.HasPrefix(told, "A message was refused, and the link goes on: link: ") {
		t.Errorf("nothing is told:\n%s", told)
	}
}

// lossy loses the fourth message to the new device, which is the last one.
type lossy struct {
	carrier
	sent int
}

func (c *lossy) post(ctx context.Context, box string, message []byte) error {
	if strings.HasSuffix(box, oldToNew) {
		if c.sent++; c.sent == 4 {
			return errors.New("lost")
		}
	}
	return c.carrier.post(ctx, box, message)
}

func TestDeviceIsLinkedThoughItIsNotToldWhatItGets(t *testing.T) {
	l := newLinks(t).byFolder()
	out, told := newWatched(), newWatched()
	stdin, typed := io.Pipe()
	a := &approval{attempt: attempt{clock: l.clock, carrier: &lossy{carrier: folder(l.channel[1])}, read: map[string]int{},
		person: newPerson(stdin, told)}, folder: l.open(l.phone), out: out}
	if err := a.offer(t.Context(), link.Choice{History: link.Sessions}, false); err != nil {
		t.Fatal(err)
	}
	approve := &side{t, typed, out, told, nil, make(chan int, 1)}
	go func() {
		err := a.run(t.Context())
		out.end()
		told.end()
		approve.ended <- map[bool]int{true: 0, false: 1}[err == nil]
	}()
	join := l.join(approve.prints("content"))
	typeDigits(approve, join)
	if _, told := approve.ends(0); !strings.Contains(told, "The new device was not told that it is done: lost\n") {
		t.Errorf("told:\n%s", told)
	}
	join.prints("pin")
	l.later(link.Life)
	if stdout, _ := join.ends(0); field(t, stdout, "history") != "not told" {
		t.Errorf("printed:\n%s", stdout)
	}
	if got := field(t, l.with("pw").ok("device", "show", l.laptop), "log"); got != "active, 2 in all" {
		t.Errorf("log: %s", got)
	}
}

// scan is a new device that is made by hand.
func (l *links) scan(content string) *link.New {
	l.Helper()
	b, err := base64.RawURLEncoding.DecodeString(content)
	if err != nil {
		l.Fatal(err)
	}
	n, err := link.Scan(b, l.time())
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(n.Cancel)
	return n
}

// stolen is a QR code of which somebody got everything but the passphrase.
func (l *links) stolen(content string) string {
	l.Helper()
	b, err := base64.RawURLEncoding.DecodeString(content)
	if err != nil {
		l.Fatal(err)
	}
	label := []byte{3, 0x58, 32} // the head of the passphrase
	at := bytes.Index(b, label)
	if at < 0 {
		l.Fatalf("no passphrase in %x", b)
	}
	rand.Read(b[at+len(label):][:32])
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestTerminalShowsTheOffer(t *testing.T) {
	me := newKeys(t, "alice").Record()
	o, err := link.Offer(me, link.Choice{History: link.Nothing}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := o.Terminal()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := showOffer(&out, o, true); err != nil {
		t.Fatal(err)
	}
	content := base64.RawURLEncoding.EncodeToString(o.QR())
	if out.String() != picture+"\ncontent    "+content+"\n" {
		t.Errorf("no code in\n%s", out.String())
	}
}

// The pictures of every size, read by somebody else's decoder.
func TestPictureOfAnyContentIsAQRCode(t *testing.T) {
	for n := 1; n <= qr.MaxContent; n += 13 {
		content := make([]byte, n)
		rand.Read(content)
		picture, err := qr.PNG(content, 512)
		if err != nil {
			t.Fatal(err)
		}
		if have, _ := scan(t, picture); !bytes.Equal(have, content) {
			t.Errorf("scanned %x, want %x", have, content)
		}
	}
}
