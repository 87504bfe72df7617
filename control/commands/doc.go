// Package commands is what each control command does. The words of the replies
// are a contract with the programs that read them; what they mean inside is the
// business of the packages that are asked.
package commands
