"""What a course needs beside a library: checks."""
