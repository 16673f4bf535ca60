package main

func Example() {
	main()
	// Output:
	// sealed 72 bytes
	// opened "Meet me at nine."
	// in another place: damaged
	// with a bit flipped: damaged
}
