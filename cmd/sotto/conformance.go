package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/internal/conformance"
)

func conformanceCommand() *cobra.Command {
	var asJSON bool
	var o conformance.Options
	cmd := &cobra.Command{
		Use:   "conformance PATH...",
		Short: "Run published test vectors, files or directories of them",
		Long: `Runs every vector file found at the given paths. A file is known by its name, one of cose-wg/Examples by its
form; docs/conformance.md lists the names. A case about something that sotto does not have is skipped, and the reason
printed. The last line is "N passed, N failed", with ", N skipped" when some were.
The exit code is 1 when a case failed, and when none was run at all.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error { return runConformance(cmd, paths, o, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document; the closing line goes to stderr")
	cmd.Flags().BoolVar(&o.Soak, "soak", false, "run the long cases too")
	return cmd
}

func runConformance(cmd *cobra.Command, paths []string, o conformance.Options, asJSON bool) error {
	out, closing, watch := cmd.OutOrStdout(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if asJSON {
		closing = cmd.ErrOrStderr()
	} else if isTerminal(out) {
		watch = io.Discard // the lines are the progress
	}
	progress := newProgress(watch, "running vectors")
	defer progress.Finish()
	files, err := conformance.Run(cmd.Context(), paths, o, func(f conformance.File) {
		if !asJSON {
			printFile(out, f)
		}
		progress.Add(1)
	})
	if err != nil {
		return err
	}
	progress.Finish()
	if asJSON {
		if err := writeJSON(out, files); err != nil {
			return err
		}
	}
	var passed, failed, skipped int
	for _, f := range files {
		p, x, s := f.Counts()
		passed, failed, skipped = passed+p, failed+x, skipped+s
	}
	fmt.Fprintf(closing, "%d passed, %d failed", passed, failed)
	if skipped > 0 {
		fmt.Fprintf(closing, ", %d skipped", skipped)
	}
	fmt.Fprintln(closing)
	if failed > 0 || passed == 0 {
		return errReported
	}
	return nil
}

// printFile prints what became of one file, below it the cases that failed, and why others were skipped.
func printFile(w io.Writer, f conformance.File) {
	driver := f.Driver
	if driver == "" {
		driver = "no driver"
	}
	passed, failed, skipped := f.Counts()
	fmt.Fprintf(w, "%s (%s): %d passed, %d failed, %d skipped\n", printable(f.Path), driver, passed, failed, skipped)
	for _, c := range f.Cases {
		if c.Status == conformance.Failed {
			fmt.Fprintf(w, "    %s: %s\n", printable(c.Name), printable(c.Note))
		}
	}
	if f.Driver != "" { // else the line itself says why
		printSkips(w, f.Cases)
	}
}

// maxReasons bounds the reasons that are printed of one file.
const maxReasons = 8

// printSkips prints the reasons for skipped cases, the most frequent ones first.
func printSkips(w io.Writer, cases []conformance.Case) {
	count := map[string]int{}
	for _, c := range cases {
		if c.Status == conformance.Skipped {
			count[c.Note]++
		}
	}
	reasons := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	})
	for _, reason := range reasons[:min(len(reasons), maxReasons)] {
		fmt.Fprintf(w, "    %d skipped: %s\n", count[reason], printable(reason))
	}
	if more := len(reasons) - maxReasons; more > 0 {
		fmt.Fprintf(w, "    … and for %s\n", plural(more, "other reason"))
	}
}

// jsonFile and jsonCase are the document of --json.
type jsonFile struct {
	Path   string     `json:"path"`
	Driver string     `json:"driver"` // "" when the name of the file is unknown
	Cases  []jsonCase `json:"cases"`
}

type jsonCase struct {
	Name   string `json:"name"`
	Status string `json:"status"` // "passed", "failed" or "skipped"
	Note   string `json:"note,omitempty"`
}

func writeJSON(w io.Writer, files []conformance.File) error {
	document := make([]jsonFile, len(files))
	for i, f := range files {
		document[i] = jsonFile{Path: f.Path, Driver: f.Driver, Cases: make([]jsonCase, len(f.Cases))}
		for j, c := range f.Cases {
			document[i].Cases[j] = jsonCase{c.Name, c.Status.String(), c.Note}
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(document)
}
