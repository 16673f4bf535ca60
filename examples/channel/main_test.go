package main

func Example() {
	main()
	// Output:
	// Bob has the channel key: true
	// Mallory's grant: untrusted_signer
	// Alice still reads "Welcome, Bob."
	// Bob, with his channel key, on the new content key: wrong_secret
	// Bob, with his content key, on the new message: damaged
	// What Bob already had, he keeps: true
}
