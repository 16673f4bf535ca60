package conformance

import (
	"errors"

	"github.com/sottokit/sotto/recovery"
)

// sottoRecoveryKey is a recovery key, as it is printed, and what follows from it.
type sottoRecoveryKey struct {
	Inputs struct {
		Secret octets `json:"secret"`
	} `json:"inputs"`
	Outputs struct {
		Printed string `json:"printed"`
		Log     octets `json:"log"`
		Backup  octets `json:"backup"`
		Lockbox octets `json:"lockbox"`
		Public  octets `json:"log_public"`
		KID     octets `json:"log_kid"`
	} `json:"outputs"`
}

func (c *sottoRecoveryKey) read() error { return typedKey(c.Outputs.Printed, c.Inputs.Secret) }

// typedKey compares the key that a text stands for.
func typedKey(text string, want octets) error {
	k, err := recovery.Parse([]byte(text))
	if err != nil {
		return err
	}
	secret, err := k.ExportSecret()
	return errors.Join(err, equal("recovery key", secret, want))
}

func (c *sottoRecoveryKey) write() error {
	k, err := recovery.NewKey(c.Inputs.Secret)
	if err != nil {
		return err
	}
	printed, err1 := k.ExportSecretText()
	log, err2 := k.ExportSecretFor(recovery.ForLog)
	backup, err3 := k.ExportSecretFor(recovery.ForBackup)
	lockbox, err4 := k.ExportSecretFor(recovery.ForLockbox)
	public, err5 := publicOf(log)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	kid, err := recoveryKID(public)
	return errors.Join(err,
		same("printed key", string(printed), c.Outputs.Printed),
		equal("secret for the log", log, c.Outputs.Log),
		equal("secret for the backup", backup, c.Outputs.Backup),
		equal("secret for the lockbox", lockbox, c.Outputs.Lockbox),
		equal("public key in the log", public, c.Outputs.Public),
		equal("its key ID", kid, c.Outputs.KID))
}

// sottoTypedKey is a recovery key as somebody types it.
type sottoTypedKey struct {
	Inputs struct {
		Typed octets `json:"typed"` // UTF-8
	} `json:"inputs"`
	Outputs struct {
		Secret  octets `json:"secret"`
		Printed string `json:"printed"`
	} `json:"outputs"`
}

func (c *sottoTypedKey) read() error { return typedKey(string(c.Inputs.Typed), c.Outputs.Secret) }

// write reads the printed form of the same key.
func (c *sottoTypedKey) write() error { return typedKey(c.Outputs.Printed, c.Outputs.Secret) }
