package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
)

// joinFlags are what link new is told.
type joinFlags struct {
	linkFlags
	qr    string
	log   string
	costs costs
}

func linkNewCommand(c clock) *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:   "new DIR [QR|CODE] --log LOG --channel DIR|--relay URL",
		Short: "Make a device in a new folder that joins the account of another one",
		Long: `Takes what link approve shows on the other terminal: the content of its QR code, as text or as the bytes that a
scanner read out of it (--qr), or the short code. Without either it asks; an argument shows in the list of processes. It
shows six digits to type there. --log is the log file of the user, or the folder of the other device: it is where an app
asks its server for the log.

The new device is what device new makes, and in the log already.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.join(cmd, args[0], args[1:], c) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.qr, "qr", "", "file with the content of the QR code")
	cmd.Flags().StringVar(&f.log, "log", "", "log file of the user")
	f.costs.register(cmd)
	return cmd
}

func (f *joinFlags) join(cmd *cobra.Command, dir string, shown []string, c clock) error {
	ctx := cmd.Context()
	switch {
	case f.log == "":
		return fmt.Errorf("--log is missing: %w", errUsage)
	case f.qr != "" && len(shown) > 0:
		return fmt.Errorf("--qr is in place of the second argument: %w", errUsage)
	}
	through, err := f.open()
	if err != nil {
		return err
	}
	if err := f.costs.check(cmd); err != nil {
		return err
	}
	if err := mustBeNew(dir); err != nil {
		return err
	}
	from, err := openSecrets(cmd, f.secrets)
	if err != nil {
		return err
	}
	defer from.destroy()
	password, err := f.costs.askPassword(ctx, from, "new password") // now: a link has five minutes
	if err != nil {
		return err
	}
	defer password.Destroy()
	p := newPerson(cmd.InOrStdin(), cmd.ErrOrStderr())
	j := &joining{attempt: attempt{clock: c, carrier: through, person: p, read: map[string]int{}},
		log: f.log, dir: dir, password: password, out: cmd.OutOrStdout()}
	text, err := f.shown(ctx, p, shown)
	if err != nil {
		return err
	}
	defer func() { j.new.Cancel() }()
	if err := j.begin(ctx, text); err != nil {
		return err
	}
	return j.run(ctx)
}

// shown is what the other device shows.
func (f *joinFlags) shown(ctx context.Context, p *person, argument []string) ([]byte, error) {
	if len(argument) > 0 {
		return []byte(argument[0]), nil
	}
	if f.qr != "" {
		return readInput(f.qr, nil)
	}
	text, err := p.ask(ctx, "content of the QR code, or the short code")
	return []byte(text), err
}

// joining is the side of a link that is the new device.
type joining struct {
	attempt
	new      *link.New
	log, dir string
	password *lockbox.Secret
	out      io.Writer

	entries [][]byte // of the log, as it was served last
}

// begin takes a QR code or a short code. With the latter there is a message to wait for before anything is known.
func (j *joining) begin(ctx context.Context, shown []byte) (err error) {
	now := j.now()
	j.until = now.Add(link.Life)
	if strings.Trim(string(shown), "0123456789- \r\n") != "" {
		item, _, err := decodeInput(shown)
		if err != nil {
			return fmt.Errorf("the content of the QR code: %w", err)
		}
		j.new, err = link.Scan(item, now)
		j.machine = j.new
		return err
	}
	if j.new, err = link.Enter(string(shown), now); err != nil {
		return err
	}
	j.machine = j.new
	_, err = j.receive(ctx, nameplateBox(j.new.Nameplate()))
	return err
}

var errNotJoined = errors.New("not joined: nothing was made")

const joinQuestion = `This device would join the account %s: it would read and write as %[1]s.
Join it only if that is your own account, and the other device your own.`

// run is the link from the question on.
func (j *joining) run(ctx context.Context) error {
	j.person.tell(joinQuestion, printable(j.new.User()))
	answer, err := j.person.ask(ctx, fmt.Sprintf("join the account %s? (yes/no)", printable(j.new.User())))
	if err != nil {
		return err
	}
	if answer != "yes" {
		return errNotJoined
	}
	first, err := j.new.Join(device.Hybrid, j.now())
	if err != nil {
		return err
	}
	rendezvous, _ := j.new.Rendezvous()
	toNew, toOld := linkBox(rendezvous, oldToNew), linkBox(rendezvous, newToOld)
	if err := j.post(ctx, toOld, first); err != nil {
		return err
	}
	if _, err := j.receive(ctx, toNew); err != nil {
		return err
	}
	j.person.tell("Type these digits into the other device, and tell them nobody.")
	fmt.Fprintf(j.out, "digits     %s\n", j.new.Digits())
	if _, err := j.receive(ctx, toNew); err != nil { // where the account's log ends
		return err
	}
	record, err := j.served()
	if err != nil {
		return err
	}
	if err := j.post(ctx, toOld, record); err != nil {
		return err
	}
	if _, err := j.receive(ctx, toNew); err != nil { // the entry that admits this device
		return err
	}
	if _, err := j.served(); err != nil {
		return err
	}
	if err := j.register(ctx, toOld); err != nil {
		return err
	}
	_, err = j.receive(ctx, toNew)
	j.report(err)
	return nil
}

// served gives the machine the log as it now is in the file.
func (j *joining) served() (send []byte, err error) {
	if j.entries, err = readLog(j.log, nil); err != nil {
		return nil, err
	}
	l, err := device.Verify(j.new.User(), j.entries)
	if err != nil {
		return nil, err
	}
	return j.new.Served(l, j.now())
}

// register writes the folder of the device and registers it. The folder is there before the other device hears of it, and
// not unless the server took the registration.
func (j *joining) register(ctx context.Context, toOld string) error {
	keys := j.new.Keys()
	defer keys.Destroy()
	box, root, err := sealedBox(ctx, j.new.User(), j.password)
	if err != nil {
		return err
	}
	defer root.Destroy()
	s := &state{keys: keys, entries: j.entries, log: j.new.Log()}
	var answer []byte
	err = createFolder(j.dir, func(unfinished string) error {
		if err := s.fill(ctx, unfinished, box, root); err != nil {
			return err
		}
		var err error
		if answer, err = keys.Register(s.log, linkServer, j.new.Nonce(), j.now()); err != nil {
			return err
		}
		return j.answerServer(ctx, answer)
	})
	if err != nil {
		return err
	}
	printRecord(j.out, keys.Record())
	fmt.Fprintf(j.out, "log        active, %d in all, in %s\n", len(s.log.Active()), printable(filepath.Join(j.dir, logFile)))
	fmt.Fprintf(j.out, "pin        %s\n", s.log.Pin().String())
	done, err := j.new.Registered(answer, j.now())
	if err == nil {
		err = j.post(ctx, toOld, done)
	}
	if err != nil {
		return fmt.Errorf("the other device was not told that this one is registered, and may revoke it: %w", err)
	}
	return nil
}

// answerServer registers the device.
func (j *joining) answerServer(ctx context.Context, answer []byte) error {
	rendezvous, _ := j.new.Rendezvous()
	if err := j.post(ctx, linkBox(rendezvous, registration), answer); err != nil {
		return err
	}
	verdict, err := j.next(ctx, linkBox(rendezvous, registered))
	if err == nil && string(verdict) != registered {
		err = fmt.Errorf("the answer to the registration: %w", fault.Malformed)
	}
	return err
}

// report says what the other device chose. It is linked, whatever became of that message.
func (j *joining) report(err error) {
	if c, told := j.new.Choice(); told {
		printChoice(j.out, c)
		return
	}
	fmt.Fprintf(j.out, "history    not told\n")
	if err != nil {
		j.person.tell("The device is linked. The other one did not say what it hands over: %s", printable(err.Error()))
	}
}
