// Command dispatcherd runs the tasks of a Python project in worker processes.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
