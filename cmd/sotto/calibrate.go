package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/mk"
)

func mkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mk",
		Short: "Master keys from passwords",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(calibrateCommand())
	return cmd
}

func calibrateCommand() *cobra.Command {
	var target time.Duration
	var memory uint32
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Find the Argon2id parameters that cost about --target on this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target <= 0 {
				return fmt.Errorf("--target must be more than nothing: %w", errUsage)
			}
			if memory < mk.MinMemoryKiB {
				return fmt.Errorf("--memory takes %d KiB or more: %w", mk.MinMemoryKiB, errUsage)
			}
			return calibrate(cmd, target, memory)
		},
	}
	cmd.Flags().DurationVar(&target, "target", 500*time.Millisecond, "time that one password may take")
	cmd.Flags().Uint32Var(&memory, "memory", 64<<10,
		fmt.Sprintf("most memory to use, in KiB, %d to %d", mk.MinMemoryKiB, mk.MaxMemoryKiB))
	return cmd
}

func calibrate(cmd *cobra.Command, target time.Duration, memory uint32) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	progress := newProgress(cmd.ErrOrStderr(), "measuring Argon2id")
	defer progress.Finish()
	p, err := mk.Calibrate(ctx, target, memory)
	if err != nil {
		return err
	}
	start := time.Now()
	s, err := mk.Stretch(ctx, []byte("calibration"), []byte("calibration"), p)
	if err != nil {
		return err
	}
	took := time.Since(start)
	s.Destroy()
	progress.Finish()
	fmt.Fprintf(out, "params    mk.Params{Time: %d, MemoryKiB: %d, Threads: %d}\n", p.Time, p.MemoryKiB, p.Threads)
	fmt.Fprintf(out, "memory    %.1f MiB\n", float64(p.Memory())/(1<<20))
	fmt.Fprintf(out, "measured  %v (target %v)\n", took.Round(time.Millisecond), target)
	if w := warning(took, target); w != "" {
		fmt.Fprintf(out, "warning   %s\n", w)
	}
	return nil
}

// warning says what is wrong with a result far from the target.
func warning(took, target time.Duration) string {
	switch {
	case took > 2*target:
		return "over twice the target: params are never weaker than these; or the machine was busy, measure again"
	case took < target/2:
		return "under half the target: allow more --memory; or the machine was busy, measure again"
	}
	return ""
}
