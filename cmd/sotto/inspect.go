package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/wire"
)

func inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE|-",
		Short: "Tell what a message or key is, without any key",
		Long: `Tells what a COSE message or key is and which kind of key opens it, then prints its CBOR with offsets and
names. The input is the bytes themselves, or hex or base64 text. Nothing is verified.

The secret of a key is never printed, only its length. What is not encrypted may be secret all the same, and is shown:
the payload of a signed message and text in headers, by their start. Of other byte strings the first bytes are shown
where COSE says that they are public, elsewhere only the length.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readInput(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return inspect(cmd.OutOrStdout(), b)
		},
	}
}

func inspect(w io.Writer, input []byte) error {
	item, form, err := decodeInput(input)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "input      %s, read as %s\n", size(len(item)), form)
	info, err := cose.Inspect(item)
	if err != nil {
		fmt.Fprintf(w, "kind       CBOR, none of the messages and keys that sotto reads\n")
	} else {
		printInfo(w, &info)
	}
	fmt.Fprintln(w)

	r := wire.NewReader(item)
	t := tree{w: w}
	top := node{r: &r}
	if !info.Tagged { // else the tag says it
		top.part.place = placeOf(info.Kind)
	}
	t.item(top)
	if t.secrets > 0 {
		fmt.Fprintf(w, "\nIt holds a secret in the clear. Keep it where nobody else reads it.\n")
	}
	return nil
}

func printInfo(w io.Writer, info *cose.Info) {
	form := "untagged"
	if info.Tagged {
		form = "tagged"
	}
	if info.Kind == "COSE_Key" { // there is no tag for keys
		form = "not encrypted"
	}
	fmt.Fprintf(w, "kind       %s, %s\n", info.Kind, form)
	if info.Type != "" {
		fmt.Fprintf(w, "type       %s\n", printable(info.Type))
	}
	if info.Algorithm != "" {
		fmt.Fprintf(w, "algorithm  %s\n", info.Algorithm)
	}
	if len(info.KeyIDs) > 0 {
		fmt.Fprintf(w, "key IDs    %s\n", keyIDs(info.KeyIDs))
	}
	switch info.Kind {
	case "COSE_Encrypt0":
		fmt.Fprintf(w, "content    %s of ciphertext\n", size(info.Size))
		fmt.Fprintf(w, "opens      with %s\n", symmetricKey(info.Type))
	case "COSE_Encrypt":
		fmt.Fprintf(w, "content    %s of ciphertext\n", size(info.Size))
		printOpens(w, info.Opens)
	case "COSE_Sign1":
		fmt.Fprintf(w, "content    %s of payload, not encrypted\n", size(info.Size))
		fmt.Fprintf(w, "verifies   with the signer's public key\n")
	}
}

// keyIDs lists the first few key IDs.
func keyIDs(ids [][]byte) string {
	const most = 4
	shown := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		shown = append(shown, preview(id))
	}
	if len(ids) > most {
		shown = append(shown, fmt.Sprintf("and %d more", len(ids)-most))
	}
	return strings.Join(shown, ", ")
}

// symmetricKey says which key opens a COSE_Encrypt0.
func symmetricKey(typ string) string {
	switch typ {
	case wire.LabelKeyWrap:
		return "the key it was wrapped under: a master key, a channel key (KEK) or another symmetric key"
	case wire.LabelSealed:
		return "a content key (DEK)"
	}
	return "the symmetric key it was sealed under"
}

// printOpens says how the recipients of a COSE_Encrypt come to its content key, a line for each way.
func printOpens(w io.Writer, algorithms []string) {
	count := map[string]int{}
	for _, a := range algorithms {
		count[a]++
	}
	for _, a := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(w, "opens      with %s (%s, %d of %d recipients)\n", recipientKey(a), a, count[a], len(algorithms))
	}
}

func recipientKey(algorithm string) string {
	switch algorithm {
	case cose.Direct.String():
		return "the shared content key"
	case cose.A256KW.String():
		return "a shared key-wrapping key"
	case cose.ECDHES.String(), cose.ECDHESA256KW.String():
		return "the recipient's private X25519 key"
	case cose.ECDHSS.String(), cose.ECDHSSA256KW.String():
		return "the recipient's private X25519 key and the sender's public one"
	}
	return "a key of an algorithm that sotto does not have"
}
