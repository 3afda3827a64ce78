"""``python -m course_utils`` is the command ``course``."""

from course_utils.commands.cli import main

if __name__ == "__main__":
    main()
