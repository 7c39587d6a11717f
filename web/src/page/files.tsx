// Files that come in: by a button, dropped or pasted.

import { useEffect } from 'preact/hooks';

interface Props {
  id: string;
  said: string;
  accept: string;
  disabled?: boolean;
  camera?: boolean; // let a phone take a photograph
  take: (file: File) => void;
}

export function FileInput({ id, said, accept, disabled, camera, take }: Props) {
  return (
    <label class="file">
      {said}
      <input
        id={id}
        type="file"
        accept={accept}
        disabled={disabled}
        {...(camera ? { capture: 'environment' } : {})}
        onChange={({ currentTarget }) => {
          if (currentTarget.files?.length) take(currentTarget.files[0]);
          currentTarget.value = ''; // so that the same file can be chosen again
        }}
      />
    </label>
  );
}

/** Take files that are dropped or pasted anywhere; `target` is what a file was dropped onto. */
export function useDropped(take: (file: File, target: Element) => void): void {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const dropped = (event: DragEvent) => {
      event.preventDefault();
      if (event.dataTransfer?.files.length) take(event.dataTransfer.files[0], event.target as Element);
    };
    const pasted = (event: ClipboardEvent) => {
      if (event.clipboardData?.files.length) take(event.clipboardData.files[0], document.body);
    };
    addEventListener('dragover', over);
    addEventListener('drop', dropped);
    addEventListener('paste', pasted);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', dropped);
      removeEventListener('paste', pasted);
    };
  });
}
