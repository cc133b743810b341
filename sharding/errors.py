"""What is wrong with a data set, an input for one, or an option: the ground of all."""


class DatasetError(ValueError):
    """A data set, or an input for one, is unusable; the message names the file and the remedy."""


class AbsentError(DatasetError):
    """What a command was told to read is not there: the command line is at fault, and nothing that lies on disk."""


class OptionError(Exception):
    """A command line option has an impossible value; the message names the option, the value and the remedy.

    No ValueError, because tyro would wrap that in a message about its own parsing.
    """
